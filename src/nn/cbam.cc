#include "heed/nn/cbam.h"

#include "nn/image.h"
#include "nn/linear.h"

namespace heed::nn {

ChannelGateImpl::ChannelGateImpl(const ChannelGateOptions& options) : options(options) { reset(); }

void ChannelGateImpl::reset() {
  check_at_least("channels", options.channels(), 1);
  check_at_least("reduction", options.reduction(), 1);
  const int64_t C = options.channels(), hidden = std::max<int64_t>(C / options.reduction(), 1);
  down = register_module("down", xavier_linear(C, hidden));
  up = register_module("up", xavier_linear(hidden, C));
}

at::Tensor ChannelGateImpl::gate(const at::Tensor& x) {
  check_image("channel gate", "x", x, options.channels());
  const auto f = [&](const at::Tensor& z) { return affine(up, torch::relu(affine(down, z))); };
  const auto a = torch::sigmoid(f(x.mean({2, 3})) + f(x.amax({2, 3})));  // (B, C)
  return a.unsqueeze(2).unsqueeze(3);
}

at::Tensor ChannelGateImpl::forward(const at::Tensor& x) { return gate(x) * x; }

SpatialGateImpl::SpatialGateImpl(const SpatialGateOptions& options) : options(options) { reset(); }

void SpatialGateImpl::reset() {
  const int64_t k = options.kernel();
  if (k < 1 || k % 2 == 0) throw ModelError(text_of("kernel: expected an odd number, given ", k));
  convolution = register_module(
      "convolution", torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 1, k).padding(k / 2)));
}

at::Tensor SpatialGateImpl::gate(const at::Tensor& x) {
  if (!x.defined() || x.dim() != 4 || x.size(1) < 1)
    throw UsageError(
        text_of("spatial gate: x: expected shape (B, C, h, w) with C of 1 or more, given ",
                x.defined() ? text_of(x.sizes()) : "no tensor"));
  const auto both = torch::cat({x.mean(1, true), x.amax(1, true)}, 1);  // (B, 2, h, w)
  return torch::sigmoid(convolution->forward(both));
}

at::Tensor SpatialGateImpl::forward(const at::Tensor& x) { return gate(x) * x; }

CbamImpl::CbamImpl(const CbamOptions& options) : options(options) { reset(); }

void CbamImpl::reset() {
  channel = register_module(
      "channel",
      ChannelGate(ChannelGateOptions(options.channels()).reduction(options.reduction())));
  spatial = register_module("spatial", SpatialGate(SpatialGateOptions().kernel(options.kernel())));
}

at::Tensor CbamImpl::forward(const at::Tensor& x) { return spatial->forward(channel->forward(x)); }

}  // namespace heed::nn
