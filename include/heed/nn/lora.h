// Low-rank adapters: what a large model learns in a few numbers.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/fields.h"

namespace heed::nn {

/// [model.lora] of a recipe.
struct LoraOptions {
  int64_t rank = 0;  ///< r
  double alpha = 16;
  double dropout = 0;
  std::vector<std::string> targets{"query", "value"};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("rank", rank,
      "of adapters, which learn beside the head in place of the weights; 0: without any",
      between(0, kMostChannels));
    if (rank == 0) return;
    v("alpha", alpha, "adapters are multiplied by alpha / rank", above(0, 1e6));
    v("dropout", dropout, "of what adapters read", from_to_below(0, 1));
    v("targets", targets,
      "layers that have one: query, key, value, output of attentions; up, gate, down of "
      "feed-forward parts");
  }
  void check() const;  ///< ModelError for a target that is none of these, or none at all
};

/// What a linear layer W (out, in) gets beside it (Hu et al. 2021, 4.1), for rows first ..
/// first + rows - 1 of W:
///
///   y = W x + b,   y[first ..] += alpha / rank B A drop(x)
///
/// A (rank, in) starts uniform within +-in^-0.5, B (rows, rank) as zeros, so that training begins
/// with W alone. x (..., in) -> (..., rows). A child of the layer whose name is lora_FIRST; parameters
/// a, b. Cost: 2 rank (in + rows) operations per x.
class LoraImpl : public torch::nn::Cloneable<LoraImpl> {
 public:
  LoraImpl(int64_t in, int64_t rows, int64_t first, const LoraOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);

  LoraOptions options;
  int64_t in, rows, first;
  at::Tensor a, b;
};
TORCH_MODULE(Lora);

/// Gives every target of the model's attentions and feed-forward parts an adapter, in the dtype of
/// its weight, from LibTorch's generator. `takes`: of which modules, by their names followed by a
/// dot; null: of all. Throws ModelError for a target that is nowhere among them.
void add_lora(torch::nn::Module& model, const LoraOptions& options,
              const std::function<bool(const std::string&)>& takes = nullptr);

/// Behind a layer's name, before the first row of an adapter.
inline constexpr const char* kLoraInName = ".lora_";

/// Whether a tensor, by its name, belongs to an adapter.
bool is_lora(const std::string& name);

using TensorsByName = std::vector<std::pair<std::string, at::Tensor>>;

/// The tensors without adapters, their products alpha / rank B A added to the weights. Throws
/// ModelError for an adapter that fits no weight.
TensorsByName merged_lora(const TensorsByName& tensors, double alpha, int64_t rank);

}  // namespace heed::nn
