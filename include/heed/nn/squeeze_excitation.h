// Channels of a feature map weighed by what the whole map holds.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace heed::nn {

struct SqueezeExcitationOptions {
  /* implicit */ SqueezeExcitationOptions(int64_t channels) : channels_(channels) {}
  TORCH_ARG(int64_t, channels);        ///< C
  TORCH_ARG(int64_t, reduction) = 16;  ///< r: C / r hidden channels, at least 1
};

/// a = sigmoid(relu(mean(x) W1 + b1) W2 + b2) (B, C, 1, 1), y = a x; x (B, C, h, w), the mean over
/// pixels (Hu et al. 2018). gate(x) is a alone. Weights Xavier uniform, biases zero. Throws
/// ModelError for options below 1, UsageError for inputs of another shape. Cost: 2 B C h w
/// operations.
class SqueezeExcitationImpl : public torch::nn::Cloneable<SqueezeExcitationImpl> {
 public:
  explicit SqueezeExcitationImpl(const SqueezeExcitationOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);
  at::Tensor gate(const at::Tensor& x);  ///< (B, C, 1, 1), in (0, 1)

  SqueezeExcitationOptions options;
  torch::nn::Linear down{nullptr}, up{nullptr};
};
TORCH_MODULE(SqueezeExcitation);

}  // namespace heed::nn
