// What and where of a feature map: a gate over channels, a gate over places, and both.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

namespace heed::nn {

struct ChannelGateOptions {
  /* implicit */ ChannelGateOptions(int64_t channels) : channels_(channels) {}
  TORCH_ARG(int64_t, channels);        ///< C
  TORCH_ARG(int64_t, reduction) = 16;  ///< r: C / r hidden channels, at least 1
};

/// a = sigmoid(f(mean(x)) + f(max(x))) (B, C, 1, 1), f(z) = relu(z W1 + b1) W2 + b2, y = a x; x
/// (B, C, h, w), mean and maximum over pixels (Woo et al. 2018, 3.1). Weights Xavier uniform,
/// biases zero. Throws ModelError for options below 1, UsageError for inputs of another shape.
class ChannelGateImpl : public torch::nn::Cloneable<ChannelGateImpl> {
 public:
  explicit ChannelGateImpl(const ChannelGateOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);
  at::Tensor gate(const at::Tensor& x);  ///< (B, C, 1, 1), in (0, 1)

  ChannelGateOptions options;
  torch::nn::Linear down{nullptr}, up{nullptr};
};
TORCH_MODULE(ChannelGate);

struct SpatialGateOptions {
  TORCH_ARG(int64_t, kernel) = 7;  ///< k, odd
};

/// a = sigmoid(conv([mean(x); max(x)])) (B, 1, h, w), y = a x; x (B, C, h, w) with any C, mean and
/// maximum over channels, conv k x k over zeros around the map (Woo et al. 2018, 3.2). Throws
/// ModelError for an even kernel, UsageError for inputs of another shape. Cost: 4 B h w k^2
/// operations.
class SpatialGateImpl : public torch::nn::Cloneable<SpatialGateImpl> {
 public:
  explicit SpatialGateImpl(const SpatialGateOptions& options = {});
  void reset() override;
  at::Tensor forward(const at::Tensor& x);
  at::Tensor gate(const at::Tensor& x);  ///< (B, 1, h, w), in (0, 1)

  SpatialGateOptions options;
  torch::nn::Conv2d convolution{nullptr};
};
TORCH_MODULE(SpatialGate);

struct CbamOptions {
  /* implicit */ CbamOptions(int64_t channels) : channels_(channels) {}
  TORCH_ARG(int64_t, channels);        ///< C
  TORCH_ARG(int64_t, reduction) = 16;  ///< of the channel gate
  TORCH_ARG(int64_t, kernel) = 7;      ///< of the spatial gate
};

/// y = spatial(channel(x)), (B, C, h, w) -> the same: the convolutional block attention module (Woo
/// et al. 2018).
class CbamImpl : public torch::nn::Cloneable<CbamImpl> {
 public:
  explicit CbamImpl(const CbamOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x);

  CbamOptions options;
  ChannelGate channel{nullptr};
  SpatialGate spatial{nullptr};
};
TORCH_MODULE(Cbam);

}  // namespace heed::nn
