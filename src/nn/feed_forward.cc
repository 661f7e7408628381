#include "heed/nn/feed_forward.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/linear.h"

namespace heed::nn {

FeedForwardImpl::FeedForwardImpl(const FeedForwardOptions& options) : options(options) { reset(); }

void FeedForwardImpl::reset() {
  up = register_module("up", xavier_linear(options.width(), options.hidden(), options.bias()));
  down = register_module("down", xavier_linear(options.hidden(), options.width(), options.bias()));
}

at::Tensor FeedForwardImpl::forward(const at::Tensor& x) {
  auto hidden = affine(up, x);
  hidden = options.activation() == Activation::relu ? torch::relu(hidden) : gelu_of(hidden);
  return affine(down, heed::dropout(hidden, options.dropout(), is_training()));
}

}  // namespace heed::nn
