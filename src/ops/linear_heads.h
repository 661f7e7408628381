// Formulas on LibTorch's operators whose bits do not depend on the number of threads.
#pragma once

#include <torch/types.h>

#include <functional>
#include <vector>

namespace heed::ops {

/// Of tensors without their first two dimensions, and of whole ones: counts dimensions from the
/// last.
using HeadFormula = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

/// The formula of each batch and head, the first two dimensions of every input and of the result.
/// Differentiable any number of times. On the CPU each is computed by one thread, backward from the
/// inputs again: LibTorch cuts products and exponentials by the number of its threads and rounds
/// them otherwise for each cut.
at::Tensor by_heads(const std::vector<at::Tensor>& inputs, const HeadFormula& formula);

/// x w^T of x (B, H, L, D), w (M, D) without gradient: (B, H, L, M), each head by one thread.
at::Tensor projected(const at::Tensor& x, const at::Tensor& w);

}  // namespace heed::ops
