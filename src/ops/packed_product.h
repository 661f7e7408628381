// Products of training on tensors: Heed's own, whose bits do not depend on the number of threads.
#pragma once

#include <ATen/core/Tensor.h>

namespace heed::ops {

/// Multiplies matrices of float32 or float64 on the CPU, all of one dtype. No gradient. Keeps the memory in which it packs B.
class PackedProducts {
 public:
  /// c (m, n) = a (m, k) b (k, n) + bias (n), or c += a b where `add`. c's rows are contiguous, at any distance; a bias only
  /// where a is not turned (a.stride(1) == 1) and without `add`. Sums as kernels::PackedProduct says, in stretches of 16,384 terms.
  void multiply(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c, bool add = false,
                const at::Tensor& bias = {});

 private:
  void multiply_stretch(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c, bool add,
                        const at::Tensor& bias);

  at::Tensor packed_;  ///< what was packed last
};

/// y (..., N) = x (..., K) W^T + b, W (N, K), b (N) or undefined, with gradients: what torch::linear computes. Float32 and float64
/// on the CPU outside autocast go by PackedProducts, forward and backward, so that the gradients, too, have the same bits for any
/// number of threads; everything else goes to torch::linear. Second derivatives by LibTorch's operators.
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace heed::ops
