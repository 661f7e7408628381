#include "heed/nn/transformer_decoder_block.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/block_parts.h"
#include "nn/block_step.h"
#include "nn/probed.h"
#include "nn/sequence_part.h"
#include "nn/step_rows.h"

namespace heed::nn {

TransformerDecoderBlockImpl::TransformerDecoderBlockImpl(
    const TransformerDecoderBlockOptions& options)
    : options(options) {
  reset();
}

void TransformerDecoderBlockImpl::reset() {
  const int64_t M = options.width();
  const auto norm = [&](const char* name) {
    return register_module(name, norm_of(options.parts(), M));
  };
  const auto attend_by = [&](const Attention& how, bool shares) {
    return MultiHeadAttention(attention_of(options.parts(), M, how).shares_position(shares));
  };
  attention_norm = norm("attention_norm");
  attention =
      register_module("attention", attend_by(options.attention(), options.shares_position()));
  cross_norm = norm("cross_norm");
  cross = register_module("cross", attend_by(options.cross(), false));
  feed_forward_norm = norm("feed_forward_norm");
  feed_forward = register_module("feed_forward", feed_forward_of(options));
  if (options.norm() != Norm::sandwich) return;
  attention_post_norm = norm("attention_post_norm");
  cross_post_norm = norm("cross_post_norm");
  feed_forward_post_norm = norm("feed_forward_post_norm");
}

/// x and a branch, normalised before or behind.
at::Tensor TransformerDecoderBlockImpl::add(const at::Tensor& x, RowNorm& norm, RowNorm& post_norm,
                                            const Branch& f) {
  const bool before = is_before(options.norm());
  auto branch = f(before ? norm->forward(x) : x);
  if (post_norm) branch = post_norm->forward(branch);
  const auto y = heed::dropout(branch, options.dropout(), is_training(), x);
  return before ? y : norm->forward(y);
}

at::Tensor TransformerDecoderBlockImpl::forward(const at::Tensor& given, const at::Tensor& z,
                                                const AttendInputs& to_source) {
  const auto x = entering(*this, given, to_source);
  auto y = add(x, attention_norm, attention_post_norm,
               [&](const auto& t) { return attention->forward(t); });
  AttendInputs inputs = to_source;
  inputs.query_offset = 0;
  y = add(y, cross_norm, cross_post_norm, [&](const auto& t) {
    const SequencePart place(SequencePart::at_memory());
    return cross->forward(t, z, inputs);
  });
  y = add(y, feed_forward_norm, feed_forward_post_norm,
          [&](const auto& t) { return feed_forward->forward(t); });
  return leaving(*this, y);
}

/// The rows that share a source are so many queries of one sequence.
at::Tensor TransformerDecoderBlockImpl::look(const at::Tensor& x, const KeyValues& z,
                                             AttendInputs to_source, int64_t first) {
  if (const auto* rows = StepRows::given()) {
    std::vector<at::Tensor> seen;
    int64_t from = 0;
    for (const auto& row : rows->rows()) {
      const auto own = rows->source(row);
      to_source.key_lengths = at::full({1}, own.keys.size(2), at::kLong);
      to_source.query_offset = row.own->tokens();
      seen.push_back(cross->look(x.narrow(1, from, row.tokens), own, to_source));
      from += row.tokens;
    }
    return at::cat(seen, 1);
  }
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
  if (auto y = step_by_rows(*this, x, cache, z, to_source); y.defined()) return y;
  const int64_t first = cache.position();
  auto y = add(x, attention_norm, attention_post_norm,
               [&](const auto& t) { return attention->step(t, cache); });
  y = add(y, cross_norm, cross_post_norm,
          [&](const auto& t) { return look(t, z, to_source, first); });
  return add(y, feed_forward_norm, feed_forward_post_norm,
             [&](const auto& t) { return feed_forward->forward(t); });
}

}  // namespace heed::nn
