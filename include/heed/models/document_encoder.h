// Documents of sentences to one token each, by attention to words and then to sentences.
#pragma once

#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/hierarchical_attention.h"
#include "heed/nn/remade.h"

namespace heed {

/// The [encoder] table of a recipe for documents.
struct DocumentEncoderOptions : BlockStackOptions {
  int64_t sentence_layers = 1;
  double embedding_dropout = 0.1;
  bool scale_embeddings = false;
  Attention pool = Attention::parse("dot");
  nn::PoolKeys pool_keys = nn::PoolKeys::tanh;

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
    v("sentence_layers", sentence_layers, "blocks of the sentences of a document; layers: of words",
      between(0, kMostLayers));
    v("embedding_dropout", embedding_dropout, "of the numbers of embedded words",
      from_to_below(0, 1));
    v("scale_embeddings", scale_embeddings, "whether embeddings are multiplied by sqrt(width)");
    v("pool", pool, "of words to a sentence and of sentences to a document");
    v("pool_keys", pool_keys, "what the pools compare: tokens, or tanh of a layer of them");
  }
};

/// Batch: tokens (B, S, W) int64 below the vocabulary's size, words (B, S) int64: how many of each
/// sentence are real, lengths (B) int64: how many sentences of each document are. What stands
/// behind them has no influence. -> states (B, 1, M) = nn::HierarchicalAttention (Yang et al. 2016)
/// of s E[tokens], E (V, M) and s = sqrt(M) or 1, whose encoders of words and of sentences are each
/// an added position, dropout and a BlockStack. A document without sentences gives zero.
///
/// Maps of words have a batch of B S: sentence i of document b is b S + i. E starts from a normal
/// of M^-0.5. Parameters: embedding (V, M), pooling.word_encoder.* and pooling.sentence_encoder.*
/// ([position.*], layers.I.*, [norm.*]), pooling.word_pool.*, pooling.sentence_pool.*. Throws
/// ModelError that names the field where options do not fit each other.
class DocumentEncoderImpl : public nn::Remade<DocumentEncoderImpl, Encoder> {
 public:
  DocumentEncoderImpl(const DocumentEncoderOptions& options, int64_t vocabulary);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<DocumentEncoderImpl> remade() const {
    return std::make_shared<DocumentEncoderImpl>(options, vocabulary);
  }

  DocumentEncoderOptions options;
  int64_t vocabulary;
  at::Tensor embedding;  ///< (V, M)
  nn::HierarchicalAttention pooling{nullptr};
};
TORCH_MODULE(DocumentEncoder);

}  // namespace heed
