#include "heed/nn/feed_forward.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/activation.h"
#include "nn/linear.h"

namespace heed::nn {

FeedForwardImpl::FeedForwardImpl(const FeedForwardOptions& options) : options(options) { reset(); }

void FeedForwardImpl::reset() {
  const int64_t M = options.width(), F = options.hidden();
  up = register_module("up", xavier_linear(M, F, options.bias()));
  if (options.gated()) gate = register_module("gate", xavier_linear(M, F, options.bias()));
  down = register_module("down", xavier_linear(F, M, options.bias()));
}

at::Tensor FeedForwardImpl::forward(const at::Tensor& x) {
  auto hidden = activate(options.activation(), gate ? gate : up, x);  // (..., F)
  if (gate) hidden = hidden * affine(up, x);
  return affine(down, heed::dropout(hidden, options.dropout(), is_training()));
}

}  // namespace heed::nn
