#include "heed/nn/feed_forward.h"

#include "nn/init.h"
#include "nn/text.h"

namespace heed::nn {

FeedForwardImpl::FeedForwardImpl(const FeedForwardOptions& options) : options(options) { reset(); }

void FeedForwardImpl::reset() {
  check_word("activation", options.activation(), {"gelu", "relu"});
  up = register_module("up", xavier_linear(options.width(), options.hidden()));
  down = register_module("down", xavier_linear(options.hidden(), options.width()));
}

at::Tensor FeedForwardImpl::forward(const at::Tensor& x) {
  auto hidden = up->forward(x);
  // In place: the derivative of ReLU needs its result only.
  hidden = options.activation() == "relu" ? hidden.relu_() : torch::gelu(hidden);
  return down->forward(torch::dropout(hidden, options.dropout(), is_training()));
}

}  // namespace heed::nn
