// Linear layers: how their parameters start, and how they are applied.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include <map>
#include <mutex>
#include <utility>

#include "heed/ops/row_linear.h"
#include "kernels/function.h"
#include "ops/packed_memory.h"

namespace heed::nn {

/// In place: normal with that standard deviation, cut at two of them. No gradient.
void truncated_normal(at::Tensor tensor, double deviation = 0.02);

/// Xavier uniform (Glorot & Bengio 2010) of rows [first, first + rows) of a weight (out, in), as if
/// they were a weight of their own.
void xavier_rows(const at::Tensor& weight, int64_t first, int64_t rows);

/// A linear layer with Xavier uniform weights and zero bias, or none.
torch::nn::Linear xavier_linear(int64_t in, int64_t out, bool bias = true);

/// A linear layer with truncated normal weights and zero bias, or none.
torch::nn::Linear small_linear(int64_t in, int64_t out, bool bias = true);

/// x W^T + b as one product. LibTorch 1.13's own Linear adds the bias in a second pass over the
/// result where x has three dimensions.
at::Tensor affine(const torch::nn::Linear& linear, const at::Tensor& x);
/// What rows first .. first + rows - 1 of the weight make of x. Both with the layer's adapters
/// (heed/nn/lora.h).
at::Tensor affine_rows(const torch::nn::Linear& linear, const at::Tensor& x, int64_t first,
                       int64_t rows);
at::Tensor affine(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);
/// f of affine(linear, x), where rows are alone (rows_alone(x)).
at::Tensor affine_then(kernels::Function function, const torch::nn::Linear& linear,
                       const at::Tensor& x);

/// y (m, rows) = f of what rows first .. first + rows - 1 of the weight make of x (m, K), by itself each, where
/// RowsAlone is active; float32 without gaps, as the weight and the bias, and without adapters.
void affine_to(const torch::nn::Linear& linear, int64_t first, int64_t rows, int64_t m,
               const float* x, kernels::Function function, float* y);

/// Weights as row_linear() reads them, each packed when it is first met and again when it changed.
/// The memory of the weights lives as long, so that no other weight is met in its place. Threads
/// may ask at the same time.
class PackedWeights {
 public:
  const PackedWeight& of(const at::Tensor& weight);
  /// Of rows first .. first + rows - 1, without a view of them where they were met before.
  const PackedWeight& of(const at::Tensor& weight, int64_t first, int64_t rows);
  void clear();
  size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    at::Tensor weight;
    uint32_t version;
    PackedWeight packed;
  };
  const PackedWeight* find(const void* data, int64_t rows, const at::Tensor& weight);

  std::mutex mutex_;
  PackedMemory memory_;
  std::map<std::pair<const void*, int64_t>, Kept> kept_;  ///< by where the first row lies, and rows
};

/// While one lives and no gradient is recorded, the layers of this thread compute each row of their
/// input by itself: its bits do not depend on which rows it is with, nor on how many. LibTorch's
/// products and functions promise no such thing: another number of rows takes another order of
/// additions, and the last elements of a tensor another polynomial than the first. Nests: packed
/// weights are kept in the innermost place that was given, else with the outermost.
class RowsAlone {
 public:
  RowsAlone();
  explicit RowsAlone(PackedWeights& weights);
  ~RowsAlone();
  RowsAlone(const RowsAlone&) = delete;
  RowsAlone& operator=(const RowsAlone&) = delete;

  static bool active() noexcept;

  /// While one lives, layers whose rows are alone keep their packed weights there; the others are
  /// as before.
  class Place {
   public:
    explicit Place(PackedWeights& weights);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    PackedWeights* outer_;
  };

 private:
  PackedWeights own_;
  PackedWeights* outer_;
};

/// Whether the rows of x are to be computed each by itself, where that is known how.
bool rows_alone(const at::Tensor& x);

}  // namespace heed::nn
