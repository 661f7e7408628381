// Layer normalisation on tensors.
#pragma once

#include <ATen/core/Tensor.h>

namespace heed::ops {

/// Whether x (float32 or float64, dense, on the CPU, of the weight's dtype) is what layer_norm() takes.
bool layer_norm_can(const at::Tensor& x, const at::Tensor& weight);

/// (x - mean) / sqrt(variance + eps) weight + bias over the last dimension of x (..., n), weight (n), bias (n) or undefined, by
/// the kernels, with gradient where one is recorded: value and gradients have the same bits for any number of threads, and a row
/// knows nothing of others. Only x is kept for backward. Second derivatives by LibTorch's operators.
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps);

}  // namespace heed::ops
