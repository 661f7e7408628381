#include "heed/nn/transformer_block.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/block_parts.h"
#include "nn/block_step.h"
#include "nn/probed.h"
#include "ops/call.h"

namespace heed::nn {

TransformerBlockImpl::TransformerBlockImpl(const TransformerBlockOptions& options)
    : options(options) {
  reset();
}

void TransformerBlockImpl::reset() {
  const int64_t M = options.width();
  const bool sandwich = options.norm() == Norm::sandwich;
  const auto norm = [&](const char* name) {
    return register_module(name, norm_of(options.parts(), M));
  };
  if (options.attention_norm() || options.norm() == Norm::post)
    attention_norm = norm("attention_norm");
  make_attention();
  if (sandwich) attention_post_norm = norm("attention_post_norm");
  feed_forward_norm = norm("feed_forward_norm");
  feed_forward = register_module("feed_forward", feed_forward_of(options));
  if (sandwich) feed_forward_post_norm = norm("feed_forward_post_norm");
}

void TransformerBlockImpl::make_attention() {
  if (options.linear())
    linear_attention = register_module("attention", LinearAttention(*options.linear()));
  else
    attention = register_module(
        "attention",
        MultiHeadAttention(attention_of(options.parts(), options.width(), options.attention())
                               .shares_position(options.shares_position())));
}

at::Tensor TransformerBlockImpl::add(const at::Tensor& x, const at::Tensor& given,
                                     RowNorm& post_norm) {
  const auto branch = post_norm ? post_norm->forward(given) : given;
  if (options.stochastic_depth() == 0)
    return heed::dropout(branch, options.dropout(), is_training(), x);
  const auto kept = heed::dropout(branch, options.dropout(), is_training());
  return drop_path(x, kept, is_training() ? options.stochastic_depth() : 0);
}

/// What the attention is given.
at::Tensor TransformerBlockImpl::normed(const at::Tensor& x) {
  return is_before(options.norm()) && attention_norm ? attention_norm->forward(x) : x;
}

/// From what the attention saw to the end.
at::Tensor TransformerBlockImpl::finish(const at::Tensor& x, const at::Tensor& seen) {
  const auto y = add(x, seen, attention_post_norm);
  if (is_before(options.norm()))
    return add(y, feed_forward->forward(feed_forward_norm->forward(y)), feed_forward_post_norm);
  const auto z = attention_norm->forward(y);
  return feed_forward_norm->forward(add(z, feed_forward->forward(z), feed_forward_post_norm));
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
  const auto x = entering(*this, ops::in_dtype_of(feed_forward_norm->weight, given), inputs);
  return leaving(*this, finish(x, look(normed(x), inputs)));
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
  if (auto y = step_by_rows(*this, x, cache, inputs); y.defined()) return y;
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
