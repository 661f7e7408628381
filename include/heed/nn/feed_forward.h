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
  TORCH_ARG(bool, bias) = true;    ///< whether the layers have one
  TORCH_ARG(bool, gated) = false;  ///< whether hidden values are multiplied by others
};

/// x (..., M) -> (..., M), with `up` and `gate` (F, M), `down` (M, F) and their biases:
///
///   y = act(up(x)) down                 (Vaswani et al. 2017, 3.3)
///   y = (act(gate(x)) * up(x)) down     gated (Shazeer 2020: SwiGLU with silu, GEGLU with gelu)
///
/// act is activate(). Weights Xavier uniform, biases zero. Parameters: up.*, [gate.*], down.*. Cost:
/// 4 M F operations per token, gated 6 M F.
class FeedForwardImpl : public torch::nn::Cloneable<FeedForwardImpl> {
 public:
  explicit FeedForwardImpl(const FeedForwardOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);

  FeedForwardOptions options;
  torch::nn::Linear up{nullptr}, down{nullptr};
  torch::nn::Linear gate{nullptr};  ///< null unless gated
};
TORCH_MODULE(FeedForward);

}  // namespace heed::nn
