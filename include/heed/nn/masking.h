// Tokens hidden from a model that learns to say what they were.
#pragma once

#include <torch/arg.h>
#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "heed/core/fields.h"

namespace heed::nn {

struct MaskingOptions {
  TORCH_ARG(double, probability) = 0.15;  ///< of a record's tokens
  TORCH_ARG(double, mask_share) = 0.8;    ///< of chosen tokens: become the mask
  TORCH_ARG(double, random_share) = 0.1;  ///< of chosen tokens: become any token; the rest stay
  TORCH_ARG(bool, whole_words) = false;   ///< a word is chosen whole

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("probability", probability(), "share of tokens that the model must say", between(0, 1));
    v("mask_share", mask_share(), "of these, shown as the mask", between(0, 1));
    v("random_share", random_share(),
      "of these, shown as any token; the rest are shown as they are", between(0, 1));
    v("whole_words", whole_words(), "all tokens of a word are chosen together");
  }
};

/// What the tokenizer knows.
struct MaskingVocabulary {
  int64_t size = 0;              ///< V: tokens are 0 .. V - 1
  int64_t mask = 0;              ///< the token [MASK]
  std::vector<int64_t> special;  ///< never chosen and never put in; with the mask or without
};

/// Which record each row is, in which epoch.
struct MaskingDraw {
  uint64_t seed = 0;
  uint32_t epoch = 0;
  at::Tensor records;  ///< (B) int64, 0 .. 2^32 - 1
};

struct MaskedTokens {
  at::Tensor tokens;  ///< (B, L): what the model reads
  at::Tensor labels;  ///< (B, L): what was there, -100 where it is not asked
};

/// BERT's masking (Devlin et al. 2019). tokens (B, L) int64, lengths (B) or undefined. Of the n
/// tokens of a record that are real and not special, round(probability n), at least one if the
/// probability is above 0, are chosen, every choice equally likely; each becomes the mask, any
/// token that is not special, or stays, as the shares say. With whole_words, words (B, L) int64
/// number the word of each token (equal neighbours are a word; a special token belongs to none);
/// words are taken in a random order, without those that would go beyond the number, and at least
/// one.
///
/// Draws come from heed::Random named by (seed, epoch, record), so a record's do not depend on its
/// batch. Throws ModelError for options out of range, UsageError for tensors of another shape or
/// dtype and tokens out of range. Cost: O(B L).
MaskedTokens mask_tokens(const at::Tensor& tokens, const at::Tensor& lengths,
                         const MaskingVocabulary& vocabulary, const MaskingDraw& draw,
                         const MaskingOptions& options = {}, const at::Tensor& words = {});

}  // namespace heed::nn
