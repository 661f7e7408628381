#include "heed/nn/attention_gate.h"

#include <torch/nn/functional/upsampling.h>

#include "core/text.h"
#include "nn/image.h"

namespace heed::nn {
namespace {

at::Tensor resampled(const at::Tensor& x, at::IntArrayRef size) {
  if (x.size(2) == size[0] && x.size(3) == size[1]) return x;
  return torch::nn::functional::interpolate(x, torch::nn::functional::InterpolateFuncOptions()
                                                   .size(std::vector<int64_t>{size[0], size[1]})
                                                   .mode(torch::kBilinear)
                                                   .align_corners(false));
}

}  // namespace

AttentionGateImpl::AttentionGateImpl(const AttentionGateOptions& options) : options(options) {
  reset();
}

void AttentionGateImpl::reset() {
  check_at_least("channels", options.channels(), 1);
  check_at_least("gate_channels", options.gate_channels(), 1);
  check_at_least("hidden", options.hidden(), 0);
  check_at_least("stride", options.stride(), 1);
  const int64_t C = options.channels(), s = options.stride();
  const int64_t F = options.hidden() ? options.hidden() : std::max<int64_t>(C / 2, 1);
  using torch::nn::Conv2d, torch::nn::Conv2dOptions;
  of_x = register_module("of_x", Conv2d(Conv2dOptions(C, F, s).stride(s).bias(false)));
  of_signal = register_module("of_signal", Conv2d(Conv2dOptions(options.gate_channels(), F, 1)));
  psi = register_module("psi", Conv2d(Conv2dOptions(F, 1, 1)));
}

void AttentionGateImpl::check_inputs(const at::Tensor& x, const at::Tensor& g) const {
  check_image("attention gate", "x", x, options.channels(), options.stride());
  check_image("attention gate", "g", g, options.gate_channels());
  if (x.size(0) != g.size(0))
    throw UsageError(text_of("attention gate: g: expected batch B=", x.size(0), " as in x ",
                             x.sizes(), ", given ", g.sizes()));
}

at::Tensor AttentionGateImpl::gate(const at::Tensor& x, const at::Tensor& g) {
  check_inputs(x, g);
  const auto from_x = of_x->forward(x);  // (B, F, h / stride, w / stride)
  const auto from_signal = resampled(of_signal->forward(g), from_x.sizes().slice(2));
  const auto a = torch::sigmoid(psi->forward(torch::relu(from_x + from_signal)));
  return resampled(a, x.sizes().slice(2));
}

at::Tensor AttentionGateImpl::forward(const at::Tensor& x, const at::Tensor& g) {
  return gate(x, g) * x;
}

}  // namespace heed::nn
