#include "heed/models/text_encoder.h"

#include "core/text.h"
#include "heed/nn/token_convolution.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"

namespace heed {

using models::Dtype, models::taken;

TextEncoderImpl::TextEncoderImpl(const TextEncoderOptions& given, const TextShape& shape)
    : options(given), shape(shape) {
  check();
  const int64_t M = options.width;
  embedding = models::embedding_table(*this, "embedding", shape.vocabulary, M);
  if (shape.segments > 0)
    segment_embedding = models::embedding_table(*this, "segment_embedding", shape.segments, M);
  position = models::additive_position(*this, "position", options.attention.position, M,
                                       options.max_positions);
  if (options.convolutions > 0)
    convolutions = register_module("convolutions", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.convolutions; ++i)
    convolutions->push_back(nn::TokenConvolution(nn::TokenConvolutionOptions(M)
                                                     .kernel(options.kernel)
                                                     .causal(options.attention.has_mask("causal"))
                                                     .activation(options.activation)
                                                     .dropout(options.dropout)));
  auto hiding = options;
  hiding.attention = models::with_mask(options.attention, "key_lengths");
  blocks = BlockStack(*this, options.layers, BlockStack::block(hiding));
  nn::name_maps(*this);
}

void TextEncoderImpl::check() const {
  models::check_fields(options);
  models::check_attention(options.attention, options.width, "texts");
  if (shape.vocabulary < 1)
    throw ModelError(text_of("vocabulary: expected at least 1, given ", shape.vocabulary));
  if (shape.segments < 0)
    throw ModelError(text_of("segments: expected at least 0, given ", shape.segments));
  if (shape.unknown >= shape.vocabulary)
    throw ModelError(text_of("unknown: expected a token below vocabulary = ", shape.vocabulary,
                             ", given ", shape.unknown));
  if (options.word_dropout > 0 && shape.unknown < 0)
    throw ModelError("encoder.word_dropout: the vocabulary has no unknown token to put in place");
}

int64_t TextEncoderImpl::max_positions() const {
  return position && position->table.defined() ? position->table.size(0) : options.max_positions;
}

at::Tensor TextEncoderImpl::embed(const Batch& batch, const at::Tensor& tokens,
                                  const at::Tensor& lengths) {
  auto ids = nn::without_padding(tokens, lengths);
  models::check_ids("tokens", ids, 0, shape.vocabulary - 1);
  if (is_training() && options.word_dropout > 0) {
    const auto dropped = torch::empty(ids.sizes(), embedding.options().requires_grad(false))
                             .bernoulli_(options.word_dropout);
    ids = ids.masked_fill(dropped.to(at::kBool), shape.unknown);
  }
  auto x = models::embed(ids, embedding, options.scale_embeddings);  // (B, L, M)
  if (segment_embedding.defined()) {
    const auto& given =
        taken(batch, "segments", {{"B", tokens.size(0)}, {"L", tokens.size(1)}}, Dtype::int64);
    const auto segments = nn::without_padding(given, lengths);
    models::check_ids("segments", segments, 0, shape.segments - 1);
    x = x + torch::embedding(segment_embedding, segments);
  }
  if (position) x = position->forward(x);
  return heed::dropout(x, options.embedding_dropout, is_training());
}

Tokens TextEncoderImpl::forward(const Batch& batch) {
  const auto& tokens = taken(batch, "tokens", {{"B"}, {"L"}}, Dtype::int64);
  const int64_t B = tokens.size(0), L = tokens.size(1);
  const auto& lengths = models::taken_lengths(batch, B, L);
  if (max_positions() > 0 && L > max_positions())
    throw UsageError(text_of("encoder: tokens: expected at most max_positions = ", max_positions(),
                             " of a text, given ", L, "; cut texts or raise max_positions"));
  if (!segment_embedding.defined() && batch.has("segments"))
    throw UsageError("encoder: segments: the encoder was made for texts without segments");
  auto x = embed(batch, tokens, lengths);
  for (int64_t i = 0; i < options.convolutions; ++i)
    x = convolutions[static_cast<size_t>(i)]->as<nn::TokenConvolutionImpl>()->forward(x, lengths);
  return {.states = blocks.forward(x, models::told_lengths(lengths)), .lengths = lengths};
}

}  // namespace heed
