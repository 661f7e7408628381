// Texts to vectors, a token each, before tokens know each other.
#pragma once

#include <cstdint>

#include "heed/core/fields.h"
#include "heed/models/encoder.h"
#include "heed/nn/ngram_embedding.h"
#include "heed/nn/positions.h"

namespace heed {

/// What the options of every encoder of texts hold.
struct TextEmbeddingOptions {
  double embedding_dropout = 0.1;
  double word_dropout = 0;
  bool scale_embeddings = false;
  int64_t max_positions = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("embedding_dropout", embedding_dropout, "of the numbers of embedded tokens",
      from_to_below(0, 1));
    v("word_dropout", word_dropout, "probability that training sees a token as an unknown one",
      from_to_below(0, 1));
    v("scale_embeddings", scale_embeddings, "whether embeddings are multiplied by sqrt(width)");
    v("max_positions", max_positions, "tokens of the longest text; 0: any number",
      between(0, kMostLength));
  }
};

/// What an input of texts gives.
struct TextShape {
  int64_t vocabulary = 0;  ///< V
  int64_t segments = 0;    ///< parts of a text, as the two of a pair; 0: not told apart
  int64_t features = 0;    ///< rows of the table of n-grams, affixes, ...; 0: words have none
  int64_t unknown = -1;    ///< the token of unknown words, -1: there is none
};

/// Batch: tokens (B, L) int64 below V, lengths (B) int64 and, where the shape has segments,
/// segments (B, L) int64, where it has features, features (B, L, F) int64, -1: none. What stands
/// behind a length has no influence. -> (B, L, M) =
///
///   drop(s (E[tokens] + N(features)) + S[segments] + P)
///
/// E (V, M) and S are learned, N is nn::NgramEmbedding (the mean of the rows of a word's features),
/// P the additive position, s = sqrt(M) or 1. With `learned` its table
/// has max_positions vectors unless it says its own length. In training a token is the unknown one,
/// without features, with the probability word_dropout. E and S start from a normal of M^-0.5.
///
/// A member of the module that owns it, with which it registers embedding, [features.weight],
/// [segment_embedding] and [position.*]. Throws ModelError where options do not fit each other or the shape.
class TextEmbedding {
 public:
  TextEmbedding() = default;
  TextEmbedding(torch::nn::Module& owner, const TextEmbeddingOptions& options,
                const TextShape& shape, int64_t width, const OpSpec& position);

  /// Throws UsageError for another batch. `training`: whether anything is dropped.
  at::Tensor forward(const Batch& batch, bool training);
  int64_t max_positions() const;

  TextEmbeddingOptions options;
  TextShape shape;
  at::Tensor words;                      ///< (V, M)
  nn::NgramEmbedding features{nullptr};  ///< null where words have none
  at::Tensor segments;                   ///< (segments, M) or undefined
  nn::AdditivePosition position{nullptr};

 private:
  void check_batch(const Batch& batch) const;
  /// Which words training does not see, (B, L); undefined: it sees all.
  at::Tensor dropped_words(const at::Tensor& ids, bool training) const;
  at::Tensor features_of(const Batch& batch, const at::Tensor& dropped);
};

}  // namespace heed
