#include "heed/nn/squeeze_excitation.h"

#include "nn/image.h"
#include "nn/linear.h"

namespace heed::nn {

SqueezeExcitationImpl::SqueezeExcitationImpl(const SqueezeExcitationOptions& options)
    : options(options) {
  reset();
}

void SqueezeExcitationImpl::reset() {
  check_at_least("channels", options.channels(), 1);
  check_at_least("reduction", options.reduction(), 1);
  const int64_t C = options.channels(), hidden = std::max<int64_t>(C / options.reduction(), 1);
  down = register_module("down", xavier_linear(C, hidden));
  up = register_module("up", xavier_linear(hidden, C));
}

at::Tensor SqueezeExcitationImpl::gate(const at::Tensor& x) {
  check_image("squeeze and excitation", "x", x, options.channels());
  const auto squeezed = x.mean({2, 3});  // (B, C)
  const auto a = torch::sigmoid(affine(up, torch::relu(affine(down, squeezed))));
  return a.unsqueeze(2).unsqueeze(3);
}

at::Tensor SqueezeExcitationImpl::forward(const at::Tensor& x) { return gate(x) * x; }

}  // namespace heed::nn
