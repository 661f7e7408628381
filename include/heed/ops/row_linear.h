// A linear layer whose rows do not know of each other.
#pragma once

#include <torch/types.h>

namespace heed {

class PackedMemory;

/// A weight W (N, K) in the order in which row_linear() reads it on this machine; a copy.
/// Float32 or float64 on the CPU. Costs one pass over W. A float32 weight whose numbers are all bfloat16's, as those
/// of most models that others publish, takes half the memory and gives the same bits. Throws UsageError for
/// what does not fit.
class PackedWeight {
 public:
  explicit PackedWeight(const at::Tensor& weight);
  /// With its numbers there, behind those of others.
  PackedWeight(const at::Tensor& weight, PackedMemory& memory);

  int64_t rows() const { return rows_; }    ///< N
  int64_t depth() const { return depth_; }  ///< K
  const at::Tensor& numbers() const { return numbers_; }
  /// Of x and of y.
  at::ScalarType dtype() const {
    return numbers_.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  }
  bool is_bfloat16() const { return numbers_.scalar_type() == at::kBFloat16; }

  /// Of whole numbers: q (N, K) int8 from -127 to 127 and a scale a row (N) float32, W = scale q, or of those
  /// whose columns were divided by `channels` (K) before: row_linear() multiplies x by these then. K at
  /// most 65536. row_linear() rounds each row of x to 8 bits then, too, by the same rule
  /// (x = s p, s = max |x| / 127), sums p q exactly in 32 bits, and gives s scale sum + b with the same
  /// bits on every processor. Scheme: Wu et al. 2020, "Integer quantization for deep learning inference".
  static PackedWeight int8(const at::Tensor& q, const at::Tensor& scales,
                           const at::Tensor& channels, PackedMemory& memory);
  const at::Tensor& channels() const { return channels_; }  ///< undefined: none
  bool is_int8() const { return numbers_.scalar_type() == at::kChar; }

 private:
  PackedWeight() = default;
  int64_t rows_ = 0, depth_ = 0;
  at::Tensor channels_;
  at::Tensor numbers_;  ///< ceil(N / 64) blocks of 64 K numbers; of int8 with their scales and sums
};

/// y (..., N) = x (..., K) W^T + b with W (N, K), b (N) or undefined, float32 or float64 on the
/// CPU (under autocast x may have any dtype and takes W's). No gradient.
///
/// Each y[i, n] is a sum of sums of 128 of the K terms, added to 0 in order, one fused multiply-add
/// each, and then b[n]: so its error hardly grows with K, and a row has the same bits whatever
/// other rows x has, whichever rows of W are asked for, and for any number of threads. (A product
/// that picks its order by the number of rows, as BLAS does, promises no such thing.) Who
/// multiplies by a weight again and again packs it once; otherwise every call does. With one row
/// the cost is that of reading W. Throws UsageError for shapes, dtypes or devices that do not fit.
at::Tensor row_linear(const at::Tensor& x, const PackedWeight& weight, const at::Tensor& bias = {});
at::Tensor row_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace heed
