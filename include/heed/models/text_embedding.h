// Texts to vectors, a token each, before tokens know each other.
#pragma once

#include <torch/nn/modules/linear.h>

#include <cstdint>

#include "heed/core/fields.h"
#include "heed/models/encoder.h"
#include "heed/nn/block_parts.h"
#include "heed/nn/ngram_embedding.h"
#include "heed/nn/positions.h"
#include "heed/nn/row_norm.h"

namespace heed {

/// What the options of every encoder of texts hold.
struct TextEmbeddingOptions {
  double embedding_dropout = 0.1;
  double word_dropout = 0;
  bool scale_embeddings = false;
  int64_t max_positions = 0;
  int64_t embedding_width = 0;  ///< told by each encoder, which says what becomes of it
  bool embedding_norm = false;
  int64_t segment_types = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("embedding_dropout", embedding_dropout, "of the numbers of embedded tokens",
      from_to_below(0, 1));
    v("word_dropout", word_dropout, "probability that training sees a token as an unknown one",
      from_to_below(0, 1));
    v("scale_embeddings", scale_embeddings, "whether embeddings are multiplied by sqrt(width)");
    v("max_positions", max_positions, "tokens of the longest text; 0: any number",
      between(0, kMostLength));
    v("embedding_norm", embedding_norm, "whether embedded tokens are normalised");
    v("segment_types", segment_types,
      "parts of a text that embeddings tell apart; 0: those that the input has; 1: all are one; "
      "-1: "
      "none, there is no table",
      between(-1, kMostChannels));
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
/// behind a length has no influence. With W = embedding_width or M -> (B, L, M) =
///
///   drop(norm(s (E[tokens] + N(features)) + S[segments] + P)) A + a
///
/// E (V, W) and S are learned, N is nn::NgramEmbedding (the mean of the rows of a word's features),
/// P the additive position, s = sqrt(W) or 1. `norm` is there with embedding_norm (Devlin et al.
/// 2019), A (W, M) and a with embedding_width (Lan et al. 2020). Where segment_types has tables that
/// the input says nothing of, all tokens are of part 0. With `learned` its table
/// has max_positions vectors unless it says its own length. In training a token is the unknown one,
/// without features, with the probability word_dropout. E and S start from a normal of W^-0.5.
///
/// A member of the module that owns it, with which it registers embedding, [features.weight],
/// [segment_embedding], [position.*], [embedding_norm.*] and [embedding_projection.*]. Throws ModelError where options do not fit each other or the shape.
class TextEmbedding {
 public:
  TextEmbedding() = default;
  /// `parts` says which norm. `width` is M.
  TextEmbedding(torch::nn::Module& owner, const TextEmbeddingOptions& options,
                const TextShape& shape, int64_t width, const OpSpec& position,
                const nn::BlockParts& parts = {});

  /// Throws UsageError for another batch. `training`: whether anything is dropped.
  at::Tensor forward(const Batch& batch, bool training);
  int64_t max_positions() const;

  TextEmbeddingOptions options;
  TextShape shape;
  at::Tensor words;                      ///< (V, W)
  nn::NgramEmbedding features{nullptr};  ///< null where words have none
  at::Tensor segments;                   ///< (segments, W) or undefined
  nn::AdditivePosition position{nullptr};
  nn::RowNorm norm{nullptr};              ///< null without embedding_norm
  torch::nn::Linear projection{nullptr};  ///< null without embedding_width

 private:
  void check_batch(const Batch& batch) const;
  /// Which words training does not see, (B, L); undefined: it sees all.
  at::Tensor dropped_words(const at::Tensor& ids, bool training) const;
  at::Tensor features_of(const Batch& batch, const at::Tensor& dropped);
};

}  // namespace heed
