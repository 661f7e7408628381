#include "heed/nn/transformer_block.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/linear.h"
#include "ops/call.h"

namespace heed::nn {

TransformerBlockImpl::TransformerBlockImpl(const TransformerBlockOptions& options)
    : options(options) {
  reset();
}

void TransformerBlockImpl::reset() {
  const int64_t M = options.width();
  const auto norm = [&] { return layer_norm(M, options.bias()); };
  attention_norm = register_module("attention_norm", norm());
  if (options.linear())
    linear_attention = register_module("attention", LinearAttention(*options.linear()));
  else
    attention = register_module(
        "attention",
        MultiHeadAttention(
            MultiHeadAttentionOptions(M).attention(options.attention()).bias(options.bias())));
  feed_forward_norm = register_module("feed_forward_norm", norm());
  feed_forward = register_module("feed_forward", FeedForward(FeedForwardOptions(M, options.hidden())
                                                                 .activation(options.activation())
                                                                 .dropout(options.dropout())
                                                                 .bias(options.bias())));
}

at::Tensor TransformerBlockImpl::add(const at::Tensor& x, const at::Tensor& branch) {
  if (options.stochastic_depth() == 0)
    return heed::dropout(branch, options.dropout(), is_training(), x);
  const auto kept = heed::dropout(branch, options.dropout(), is_training());
  return drop_path(x, kept, is_training() ? options.stochastic_depth() : 0);
}

/// What the attention is given.
at::Tensor TransformerBlockImpl::normed(const at::Tensor& x) {
  return options.norm() == Norm::pre ? normalise(attention_norm, x) : x;
}

/// From what the attention saw to the end.
at::Tensor TransformerBlockImpl::finish(const at::Tensor& x, const at::Tensor& seen) {
  const auto y = add(x, seen);
  if (options.norm() == Norm::pre)
    return add(y, feed_forward->forward(normalise(feed_forward_norm, y)));
  const auto z = normalise(attention_norm, y);
  return normalise(feed_forward_norm, add(z, feed_forward->forward(z)));
}

at::Tensor TransformerBlockImpl::look(const at::Tensor& x, const AttendInputs& inputs) {
  return linear_attention ? linear_attention->forward(x, inputs.key_lengths)
                          : attention->forward(x, inputs);
}

void TransformerBlockImpl::check_softmax(const char* call) const {
  if (linear_attention)
    throw UsageError(text_of("transformer block: ", call, " needs keys, which linear attention ",
                             "does not keep"));
}

at::Tensor TransformerBlockImpl::forward(const at::Tensor& given, const AttendInputs& inputs) {
  const auto x = ops::in_dtype_of(attention_norm->weight, given);
  return finish(x, look(normed(x), inputs));
}

at::Tensor TransformerBlockImpl::forward_after(const at::Tensor& before, const at::Tensor& x,
                                               const AttendInputs& inputs) {
  check_softmax("forward_after");
  const auto all = normed(torch::cat({before, x}, 1));
  return finish(x, attention->forward(all.narrow(1, before.size(1), x.size(1)), all, inputs));
}

at::Tensor TransformerBlockImpl::step(const at::Tensor& x, KeyValueCache& cache,
                                      const AttendInputs& inputs) {
  check_softmax("step");
  const torch::NoGradGuard no_gradient;
  return finish(x, attention->step(normed(x), cache, inputs));
}

at::Tensor drop_path(const at::Tensor& x, const at::Tensor& branch, double p) {
  if (p == 0) return x + branch;
  std::vector<int64_t> shape(branch.dim(), 1);
  shape[0] = branch.size(0);
  const auto factor = torch::empty(shape, branch.options()).bernoulli_(1 - p).div_(1 - p);
  return torch::addcmul(x, branch, factor);
}

}  // namespace heed::nn
