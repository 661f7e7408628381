#include "heed/models/document_encoder.h"

#include "core/text.h"
#include "heed/nn/token_convolution.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/probed.h"

namespace heed {
namespace {

using models::Dtype, models::taken;

/// What turns the words of a sentence, or the sentences of a document, into tokens that know each
/// other.
class LevelImpl : public torch::nn::Module {
 public:
  LevelImpl(const DocumentEncoderOptions& options, int64_t count)
      : dropout_(options.embedding_dropout) {
    position_ =
        models::additive_position(*this, "position", options.attention.position, options.width);
    blocks_ = BlockStack(*this, models::with_mask(options, "key_lengths"), count);
  }

  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs) {
    const auto placed = position_ ? position_->forward(x) : x;
    return blocks_.forward(heed::dropout(placed, dropout_, is_training()), inputs);
  }

 private:
  double dropout_;
  nn::AdditivePosition position_{nullptr};
  BlockStack blocks_;
};
TORCH_MODULE(Level);

void check_document_options(const DocumentEncoderOptions& options, int64_t vocabulary) {
  models::check_fields(options);
  models::check_blocks(options, {.name = "documents", .lengths = true});
  try {
    options.pool.check();
  } catch (const UsageError& error) {
    throw ModelError(text_of("encoder.pool: ", error.what()));
  }
  if (options.width % options.pool.num_heads != 0)
    throw ModelError(text_of("encoder.width: expected a multiple of pool.num_heads = ",
                             options.pool.num_heads, ", given ", options.width));
  if (vocabulary < 1)
    throw ModelError(text_of("vocabulary: expected at least 1, given ", vocabulary));
}

}  // namespace

DocumentEncoderImpl::DocumentEncoderImpl(const DocumentEncoderOptions& given, int64_t vocabulary)
    : options(given), vocabulary(vocabulary) {
  check_document_options(options, vocabulary);
  embedding = models::embedding_table(*this, "embedding", vocabulary, options.width);
  const Level words(options, options.layers), sentences(options, options.sentence_layers);
  pooling = register_module(
      "pooling", nn::HierarchicalAttention(nn::HierarchicalAttentionOptions(options.width)
                                               .attention(options.pool)
                                               .keys(options.pool_keys)
                                               .word_encoder(words)
                                               .sentence_encoder(sentences)));
}

Tokens DocumentEncoderImpl::forward(const Batch& batch) {
  const auto& given = taken(batch, "tokens", {{"B"}, {"S"}, {"W"}}, Dtype::int64);
  const int64_t B = given.size(0), S = given.size(1), W = given.size(2);
  const auto& lengths = models::taken_lengths(batch, B, S);
  const auto& counts = taken(batch, "words", {{"B", B}, {"S", S}}, Dtype::int64);
  const auto words = nn::without_padding(counts, lengths);  // (B, S)
  models::check_ids("words", words, 0, W);
  const auto ids = nn::without_padding(given.flatten(0, 1), words.flatten()).view({B, S, W});
  models::check_ids("tokens", ids, 0, vocabulary - 1);
  auto x = nn::embedded(models::embed(ids.flatten(0, 1), embedding, options.scale_embeddings));
  x = x.view({B, S, W, options.width});
  return {.states = pooling->forward(x, words, lengths).unsqueeze(1)};
}

}  // namespace heed
