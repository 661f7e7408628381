// The part of a Transformer block that changes each token by itself.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "heed/nn/choices.h"

namespace heed::nn {

struct FeedForwardOptions {
  FeedForwardOptions(int64_t width, int64_t hidden) : width_(width), hidden_(hidden) {}
  TORCH_ARG(int64_t, width);   ///< M
  TORCH_ARG(int64_t, hidden);  ///< F
  TORCH_ARG(Activation, activation) = Activation::gelu;
  TORCH_ARG(double, dropout) = 0;  ///< of the hidden values, in training
  TORCH_ARG(bool, bias) = true;    ///< whether b1 and b2 are there
};

/// y = act(x W1 + b1) W2 + b2, x (..., M) -> (..., M) (Vaswani et al. 2017, 3.3; GELU: Hendrycks &
/// Gimpel 2016, the exact form). Weights Xavier uniform, biases zero. Throws ModelError for an
/// unknown activation. Cost: 4 M F operations per token.
class FeedForwardImpl : public torch::nn::Cloneable<FeedForwardImpl> {
 public:
  explicit FeedForwardImpl(const FeedForwardOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);

  FeedForwardOptions options;
  torch::nn::Linear up{nullptr}, down{nullptr};
};
TORCH_MODULE(FeedForward);

}  // namespace heed::nn
