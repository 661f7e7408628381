// Texts to tokens.
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/models/text_embedding.h"
#include "heed/nn/remade.h"

namespace heed {

/// The [encoder] table of a recipe for texts.
struct TextEncoderOptions : BlockStackOptions, TextEmbeddingOptions {
  int64_t convolutions = 0;
  int64_t kernel = 3;

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
    TextEmbeddingOptions::fields(v);
    v("embedding_width", embedding_width,
      "channels of embeddings, from which a linear layer makes width; 0: width, without a layer",
      between(0, kMostChannels));
    v("convolutions", convolutions, "of neighbouring tokens, before the blocks",
      between(0, kMostLayers));
    if (convolutions > 0) v("kernel", kernel, "tokens that a convolution sees", between(1, 4096));
  }
};

/// Batch: as TextEmbedding takes it. -> states (B, L, M) and lengths, with the additive position of
/// the attention:
///
///   z = embedding(tokens)                                    TextEmbedding
///   z = convolution(z), as often as `convolutions` says      nn::TokenConvolution
///   states = blocks(z)                                       BlockStack
///
/// The attention hides padding (`lengths` is added); one that is causal makes convolutions causal,
/// too. An empty text has no tokens.
///
/// In evaluation on the CPU blocks are given the texts one behind the other, without padding, where they
/// make the same of that (no convolutions, positions that are added or rope, masks by order and window)
/// and no map is recorded. The last bits of a text's states depend on the texts beside it.
///
/// Parameters: embedding (V, M), [segment_embedding], [position.*], [convolutions.I.*], layers.I.*,
/// [norm.*]. Throws ModelError that names the field where options do not fit each other.
class TextEncoderImpl : public nn::Remade<TextEncoderImpl, Encoder> {
 public:
  TextEncoderImpl(const TextEncoderOptions& options, const TextShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<TextEncoderImpl> remade() const {
    return std::make_shared<TextEncoderImpl>(options, embedding.shape);
  }
  int64_t max_positions() const override { return embedding.max_positions(); }

  TextEncoderOptions options;
  TextEmbedding embedding;
  torch::nn::ModuleList convolutions{nullptr};  ///< null without any
  BlockStack blocks;
};
TORCH_MODULE(TextEncoder);

}  // namespace heed
