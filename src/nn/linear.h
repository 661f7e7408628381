// Linear layers: how their parameters start, and how they are applied.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

namespace heed::nn {

/// In place: normal with that standard deviation, cut at two of them. No gradient.
void truncated_normal(at::Tensor tensor, double deviation = 0.02);

/// Xavier uniform (Glorot & Bengio 2010) of rows [first, first + rows) of a weight (out, in), as if
/// they were a weight of their own.
void xavier_rows(const at::Tensor& weight, int64_t first, int64_t rows);

/// A linear layer with Xavier uniform weights and zero bias.
torch::nn::Linear xavier_linear(int64_t in, int64_t out);

/// A linear layer with truncated normal weights and zero bias.
torch::nn::Linear small_linear(int64_t in, int64_t out);

/// x W^T + b as one product. LibTorch 1.13's own Linear adds the bias in a second pass over the
/// result where x has three dimensions.
at::Tensor affine(const torch::nn::Linear& linear, const at::Tensor& x);

}  // namespace heed::nn
