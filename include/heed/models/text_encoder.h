// Texts to tokens.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"

namespace heed {

/// The [encoder] table of a recipe for texts.
struct TextEncoderOptions : BlockStackOptions {
  double embedding_dropout = 0.1;
  double word_dropout = 0;
  bool scale_embeddings = false;
  int64_t max_positions = 0;
  int64_t convolutions = 0;
  int64_t kernel = 3;

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
    v("embedding_dropout", embedding_dropout, "of the numbers of embedded tokens",
      from_to_below(0, 1));
    v("word_dropout", word_dropout, "probability that training sees a token as an unknown one",
      from_to_below(0, 1));
    v("scale_embeddings", scale_embeddings, "whether embeddings are multiplied by sqrt(width)");
    v("max_positions", max_positions, "tokens of the longest text; 0: any number", at_least(0));
    v("convolutions", convolutions, "of neighbouring tokens, before the blocks", at_least(0));
    if (convolutions > 0) v("kernel", kernel, "tokens that a convolution sees", at_least(1));
  }
};

/// What an input of texts gives.
struct TextShape {
  int64_t vocabulary = 0;  ///< V
  int64_t segments = 0;    ///< parts of a text, as the two of a pair; 0: not told apart
  int64_t unknown = -1;    ///< the token of unknown words, -1: there is none
};

/// Batch: tokens (B, L) int64 below V, lengths (B) int64 and, where the shape has segments,
/// segments (B, L) int64. What stands behind a length has no influence. -> states (B, L, M), with
/// E the embeddings (V, M), S those of segments, P the additive position of the attention, and
/// s = sqrt(M) or 1:
///
///   z = drop(s E[tokens] + S[segments] + P)
///   z = convolution(z), as often as `convolutions` says      nn::TokenConvolution
///   states = blocks(z)                                       BlockStack
///
/// The attention hides padding (`lengths` is added); one that is causal makes convolutions causal,
/// too. With `learned` the table has max_positions vectors unless it says its own length. An empty
/// text has no tokens. Embeddings start from a normal of M^-0.5. Parameters: embedding (V, M),
/// [segment_embedding], [position.*], [convolutions.I.*], layers.I.*, [norm.*]. Throws ModelError
/// that names the field where options do not fit each other.
class TextEncoderImpl : public Encoder {
 public:
  TextEncoderImpl(const TextEncoderOptions& options, const TextShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  int64_t max_positions() const override;

  TextEncoderOptions options;
  TextShape shape;
  at::Tensor embedding;          ///< (V, M)
  at::Tensor segment_embedding;  ///< (segments, M) or undefined
  nn::AdditivePosition position{nullptr};
  torch::nn::ModuleList convolutions{nullptr};  ///< null without any
  BlockStack blocks;

 private:
  void check() const;
  at::Tensor embed(const Batch& batch, const at::Tensor& tokens, const at::Tensor& lengths);
};
TORCH_MODULE(TextEncoder);

}  // namespace heed
