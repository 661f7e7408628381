// Texts to tokens by a recurrent network that reads both ways.
#pragma once

#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/encoder.h"
#include "heed/models/recurrent_stack.h"
#include "heed/models/text_embedding.h"
#include "heed/nn/remade.h"

namespace heed {

/// The [encoder] table of a recipe for texts. embedding_width: E; 0: M.
struct RecurrentEncoderOptions : TextEmbeddingOptions {
  int64_t width = 128;  ///< M, both directions together
  int64_t layers = 1;
  RecurrentCell cell = RecurrentCell::lstm;
  double dropout = 0.1;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("width", width, "channels of a token, both directions together; even",
      between(2, kMostChannels));
    v("layers", layers, "layers, each of both directions", between(1, kMostLayers));
    v("cell", cell, "of every layer");
    v("embedding_width", embedding_width, "channels of an embedded token; 0: width",
      between(0, kMostChannels));
    v("dropout", dropout, "of what layers give", from_to_below(0, 1));
    TextEmbeddingOptions::fields(v);
  }
};

/// Batch: as TextEmbedding takes it. -> states (B, L, M) and lengths: z = embedding(tokens) of width
/// E, then RecurrentStack, then dropout. extra has `last` (B, M), the last states of both
/// directions. It has no attention and so leaves no maps: that of a head or decoder looks at its
/// tokens (Bahdanau et al. 2015). Parameters: embedding (V, E), [segment_embedding], layers.I.*.
/// Throws ModelError that names the field where options do not fit each other.
class RecurrentEncoderImpl : public nn::Remade<RecurrentEncoderImpl, Encoder> {
 public:
  RecurrentEncoderImpl(const RecurrentEncoderOptions& options, const TextShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<RecurrentEncoderImpl> remade() const {
    return std::make_shared<RecurrentEncoderImpl>(options, embedding.shape);
  }
  int64_t max_positions() const override { return embedding.max_positions(); }

  RecurrentEncoderOptions options;
  TextEmbedding embedding;
  RecurrentStack stack;
};
TORCH_MODULE(RecurrentEncoder);

}  // namespace heed
