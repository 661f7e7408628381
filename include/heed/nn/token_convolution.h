// Tokens that look at their neighbours: n-grams, before attention sees the rest.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <optional>

#include "heed/nn/choices.h"
#include "heed/nn/row_norm.h"

namespace heed::nn {

struct TokenConvolutionOptions {
  /* implicit */ TokenConvolutionOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);        ///< M
  TORCH_ARG(int64_t, kernel) = 3;   ///< k: tokens that a token sees, itself among them
  TORCH_ARG(bool, causal) = false;  ///< it sees those before it alone
  TORCH_ARG(Activation, activation) = Activation::gelu;
  TORCH_ARG(double, dropout) = 0;  ///< of what is added, in training
};

/// x (B, L, M) -> (B, L, M), with z = norm(x), zero where there is no real token (Kim 2014; the
/// residual form of Gehring et al. 2017):
///
///   y_t = x_t + drop(act(sum_j W_j z_{t + j - o} + b)),  0 <= j < k
///
/// o = (k - 1) / 2 rounded down, or k - 1 if causal. lengths (B) int64: how many tokens of each
/// sequence are real; without it all are. Weights W (M, k M) Xavier uniform, bias zero. Throws
/// ModelError for a kernel below 1 or an unknown activation, UsageError for inputs of another
/// shape. Cost: 2 k M^2 operations per token.
class TokenConvolutionImpl : public torch::nn::Cloneable<TokenConvolutionImpl> {
 public:
  explicit TokenConvolutionImpl(const TokenConvolutionOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const std::optional<at::Tensor>& lengths = {});

  TokenConvolutionOptions options;
  RowNorm norm{nullptr};
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(TokenConvolution);

/// x (B, L, ...) with `value` at the tokens past lengths (B).
at::Tensor without_padding(const at::Tensor& x, const at::Tensor& lengths, double value = 0);

}  // namespace heed::nn
