#include "heed/nn/transformer_decoder_block.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/linear.h"

namespace heed::nn {

TransformerDecoderBlockImpl::TransformerDecoderBlockImpl(
    const TransformerDecoderBlockOptions& options)
    : options(options) {
  reset();
}

void TransformerDecoderBlockImpl::reset() {
  const int64_t M = options.width();
  const bool bias = options.bias();
  const auto attention_of = [&](const Attention& how) {
    return MultiHeadAttention(MultiHeadAttentionOptions(M).attention(how).bias(bias));
  };
  attention_norm = register_module("attention_norm", layer_norm(M, bias));
  attention = register_module("attention", attention_of(options.attention()));
  cross_norm = register_module("cross_norm", layer_norm(M, bias));
  cross = register_module("cross", attention_of(options.cross()));
  feed_forward_norm = register_module("feed_forward_norm", layer_norm(M, bias));
  feed_forward = register_module("feed_forward", FeedForward(FeedForwardOptions(M, options.hidden())
                                                                 .activation(options.activation())
                                                                 .dropout(options.dropout())
                                                                 .bias(bias)));
}

/// x and a branch, normalised before or behind.
at::Tensor TransformerDecoderBlockImpl::add(const at::Tensor& x, torch::nn::LayerNorm& norm,
                                            const Branch& f) {
  const bool before = options.norm() == Norm::pre;
  const auto y =
      heed::dropout(f(before ? normalise(norm, x) : x), options.dropout(), is_training(), x);
  return before ? y : normalise(norm, y);
}

at::Tensor TransformerDecoderBlockImpl::forward(const at::Tensor& x, const at::Tensor& z,
                                                const AttendInputs& to_source) {
  auto y = add(x, attention_norm, [&](const auto& t) { return attention->forward(t); });
  AttendInputs inputs = to_source;
  inputs.query_offset = 0;
  y = add(y, cross_norm, [&](const auto& t) { return cross->forward(t, z, inputs); });
  return add(y, feed_forward_norm, [&](const auto& t) { return feed_forward->forward(t); });
}

/// The rows that share a source are so many queries of one sequence.
at::Tensor TransformerDecoderBlockImpl::look(const at::Tensor& x, const KeyValues& z,
                                             AttendInputs to_source, int64_t first) {
  const int64_t B = x.size(0), n = z.keys.size(0);
  if (n != 0 ? B % n != 0 : B != 0)
    throw UsageError(text_of("cross attention: step: x: expected a multiple of ", n,
                             " rows, the sequences of z, given ", B));
  to_source.query_offset = first;
  if (n == B) return cross->look(x, z, to_source);
  return cross->look(x.reshape({n, B / n * x.size(1), x.size(2)}), z, to_source).reshape(x.sizes());
}

at::Tensor TransformerDecoderBlockImpl::step(const at::Tensor& x, KeyValueCache& cache,
                                             const KeyValues& z, const AttendInputs& to_source) {
  const torch::NoGradGuard no_gradient;
  const int64_t first = cache.position();
  auto y = add(x, attention_norm, [&](const auto& t) { return attention->step(t, cache); });
  y = add(y, cross_norm, [&](const auto& t) { return look(t, z, to_source, first); });
  return add(y, feed_forward_norm, [&](const auto& t) { return feed_forward->forward(t); });
}

}  // namespace heed::nn
