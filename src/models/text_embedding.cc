#include "heed/models/text_embedding.h"

#include <cmath>

#include "heed/nn/token_convolution.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/block_parts.h"
#include "nn/linear.h"
#include "nn/probed.h"

namespace heed {
namespace {

using models::Dtype, models::taken;

void check_text_shape(const TextEmbeddingOptions& options, const TextShape& shape) {
  if (shape.vocabulary < 1)
    throw ModelError(text_of("vocabulary: expected at least 1, given ", shape.vocabulary));
  if (shape.segments < 0 || shape.features < 0)
    throw ModelError(text_of("segments, features: expected at least 0, given ", shape.segments,
                             " and ", shape.features));
  if (options.segment_types > 1 && options.segment_types < shape.segments)
    throw ModelError(text_of("encoder.segment_types: expected at least the ", shape.segments,
                             " parts that a text has here, given ", options.segment_types));
  if (shape.unknown >= shape.vocabulary)
    throw ModelError(text_of("unknown: expected a token below vocabulary = ", shape.vocabulary,
                             ", given ", shape.unknown));
  if (options.word_dropout > 0 && shape.unknown < 0)
    throw ModelError("encoder.word_dropout: the vocabulary has no unknown token to put in place");
}

}  // namespace

TextEmbedding::TextEmbedding(torch::nn::Module& owner, const TextEmbeddingOptions& given,
                             const TextShape& shape, int64_t width, const OpSpec& where,
                             const nn::BlockParts& parts)
    : options(given), shape(shape) {
  check_text_shape(options, shape);
  const int64_t W = options.embedding_width ? options.embedding_width : width;
  words = models::embedding_table(owner, "embedding", shape.vocabulary, W);
  if (shape.features > 0)
    features = owner.register_module(
        "features", nn::NgramEmbedding(shape.features, nn::NgramEmbeddingOptions().width(W)));
  const int64_t types = options.segment_types ? options.segment_types : shape.segments;
  if (types > 0) segments = models::embedding_table(owner, "segment_embedding", types, W);
  position = models::additive_position(owner, "position", where, W, options.max_positions);
  if (options.embedding_norm) norm = owner.register_module("embedding_norm", nn::norm_of(parts, W));
  if (options.embedding_width)
    projection = owner.register_module("embedding_projection", nn::xavier_linear(W, width));
}

int64_t TextEmbedding::max_positions() const {
  const int64_t places = position ? position->max_positions() : 0;
  return places ? places : options.max_positions;
}

void TextEmbedding::check_batch(const Batch& batch) const {
  const auto& tokens = taken(batch, "tokens", {{"B"}, {"L"}}, Dtype::int64);
  const int64_t B = tokens.size(0), L = tokens.size(1);
  models::taken_lengths(batch, B, L);
  if (max_positions() > 0 && L > max_positions())
    throw UsageError(text_of("encoder: tokens: expected at most max_positions = ", max_positions(),
                             " of a text, given ", L, "; cut texts or raise max_positions"));
  if (shape.segments > 0)
    taken(batch, "segments", {{"B", B}, {"L", L}}, Dtype::int64);
  else if (batch.has("segments"))
    throw UsageError("encoder: segments: the encoder was made for texts without segments");
  if (features)
    taken(batch, "features", {{"B", B}, {"L", L}, {"F"}}, Dtype::int64);
  else if (batch.has("features"))
    throw UsageError("encoder: features: the encoder was made for texts without features");
}

at::Tensor TextEmbedding::dropped_words(const at::Tensor& ids, bool training) const {
  if (!training || options.word_dropout == 0) return {};
  return torch::empty(ids.sizes(), words.options().requires_grad(false))
      .bernoulli_(options.word_dropout)
      .to(at::kBool);
}

/// (B, L, W)
at::Tensor TextEmbedding::features_of(const Batch& batch, const at::Tensor& dropped) {
  auto ids = nn::without_padding(batch.at("features"), batch.at("lengths"), -1);
  if (dropped.defined()) ids = ids.masked_fill(dropped.unsqueeze(2), -1);
  const auto y = features->forward(ids);
  return options.scale_embeddings ? y * std::sqrt(static_cast<double>(y.size(2))) : y;
}

at::Tensor TextEmbedding::forward(const Batch& batch, bool training) {
  check_batch(batch);
  const auto& lengths = batch.at("lengths");
  auto ids = nn::without_padding(batch.at("tokens"), lengths);
  models::check_ids("tokens", ids, 0, shape.vocabulary - 1);
  const auto dropped = dropped_words(ids, training);
  if (dropped.defined()) ids = ids.masked_fill(dropped, shape.unknown);
  auto x = models::embed(ids, words, options.scale_embeddings);  // (B, L, W)
  if (features) x = x + features_of(batch, dropped);
  x = nn::embedded(x);
  if (segments.defined() && segments.size(0) > 1 && shape.segments > 0) {
    const auto parts = nn::without_padding(batch.at("segments"), lengths);
    models::check_ids("segments", parts, 0, shape.segments - 1);
    x = x + torch::embedding(segments, parts);
  } else if (segments.defined()) {
    x = x + segments[0];
  }
  if (position) x = position->forward(x);
  if (norm) x = norm->forward(x);
  x = heed::dropout(x, options.embedding_dropout, training);
  return projection ? nn::affine(projection, x) : x;  // (B, L, M)
}

}  // namespace heed
