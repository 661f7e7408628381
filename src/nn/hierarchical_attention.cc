#include "heed/nn/hierarchical_attention.h"

#include "core/text.h"
#include "ops/beyond.h"

namespace heed::nn {
namespace {

using Lengths = std::optional<at::Tensor>;

/// A copy that resets gets an encoder of its own; the first one keeps what the options hold.
TokenEncoder adopted(const TokenEncoder& given, const TokenEncoder& held) {
  return held ? held.clone() : given;
}

void check_lengths(const Lengths& lengths, const char* name, at::IntArrayRef shape, int64_t most,
                   const std::string& who) {
  if (!lengths) return;
  if (lengths->sizes() != shape || lengths->scalar_type() != at::kLong)
    throw UsageError(text_of(who, ": ", name, ": expected shape ", shape, " of int64, given ",
                             lengths->sizes(), " of ", lengths->dtype()));
  if (const auto wrong = ops::beyond(*lengths, most))
    throw UsageError(text_of(who, ": ", name, ": expected 0 to ", most, ", given ", *wrong));
}

}  // namespace

HierarchicalAttentionImpl::HierarchicalAttentionImpl(const HierarchicalAttentionOptions& options)
    : options(options) {
  reset();
}

void HierarchicalAttentionImpl::reset() {
  word_encoder = adopted(options.word_encoder(), word_encoder);
  sentence_encoder = adopted(options.sentence_encoder(), sentence_encoder);
  if (word_encoder) register_module("word_encoder", word_encoder.module());
  if (sentence_encoder) register_module("sentence_encoder", sentence_encoder.module());
  const auto pool =
      AttentionPoolingOptions(options.width()).attention(options.attention()).keys(options.keys());
  word_pool = register_module("word_pool", AttentionPooling(pool));
  sentence_pool = register_module("sentence_pool", AttentionPooling(pool));
}

void HierarchicalAttentionImpl::check_inputs(const at::Tensor& x, const Lengths& words,
                                             const Lengths& sentences) const {
  const std::string who = "hierarchical attention";
  if (!x.defined() || x.dim() != 4 || x.size(3) != options.width())
    throw UsageError(text_of(who, ": x: expected shape (B, S, W, ", options.width(), "), given ",
                             x.defined() ? text_of(x.sizes()) : "no tensor"));
  check_lengths(words, "words", x.sizes().slice(0, 2), x.size(2), who);
  check_lengths(sentences, "sentences", x.sizes().slice(0, 1), x.size(1), who);
}

at::Tensor HierarchicalAttentionImpl::forward(const at::Tensor& x, const Lengths& words,
                                              const Lengths& sentences) {
  check_inputs(x, words, sentences);
  AttendInputs of_words, of_sentences;
  if (words) {
    of_words.key_lengths = words->flatten();                          // (B S)
    of_sentences.attn_mask = (*words > 0).unsqueeze(1).unsqueeze(1);  // (B, 1, 1, S)
  }
  of_sentences.key_lengths = sentences;
  const auto h = word_encoder.forward(x.flatten(0, 1), of_words);       // (B S, W, M)
  const auto pooled = word_pool->forward(h, of_words);                  // (B S, 1, M)
  const auto s = pooled.view({x.size(0), x.size(1), options.width()});  // (B, S, M)
  const auto documents = sentence_encoder.forward(s, of_sentences);     // (B, S, M)
  return sentence_pool->forward(documents, of_sentences).squeeze(1);    // (B, M)
}

}  // namespace heed::nn
