// Enums' words stand in the order of their values: recipes are written and read by them.
#include <gtest/gtest.h>

#include "heed/models/document_encoder.h"
#include "heed/models/generate.h"
#include "heed/models/image_classifier.h"
#include "heed/models/joint_encoder.h"
#include "heed/models/recurrent.h"
#include "heed/models/series_encoder.h"
#include "heed/models/table_encoder.h"
#include "heed/models/transformer.h"
#include "heed/nn/negative_sampler.h"
#include "heed/nn/ngram_embedding.h"
#include "heed/nn/pooling.h"

namespace heed {
namespace {

template <class E>
void expect_word(E value, const char* word) {
  EXPECT_STREQ(word_of(value), word);
  EXPECT_EQ(from_word<E>(word), value);
}

TEST(Words, AreThoseOfTheirValues) {
#define HEED_WORD(type, value) expect_word(type::value, #value)
  HEED_WORD(LinearRule, linear), HEED_WORD(LinearRule, gated), HEED_WORD(LinearRule, delta);
  HEED_WORD(LinearRule, gated_delta), HEED_WORD(LinearFeature, none);
  HEED_WORD(LinearFeature, elu), HEED_WORD(LinearFeature, favor);
  HEED_WORD(nn::AttentionType, softmax), HEED_WORD(nn::AttentionType, linear);
  HEED_WORD(nn::Norm, pre), HEED_WORD(nn::Norm, post), HEED_WORD(nn::Norm, sandwich);
  HEED_WORD(nn::NormType, layer), HEED_WORD(nn::NormType, rms);
  HEED_WORD(nn::Activation, gelu), HEED_WORD(nn::Activation, relu);
  HEED_WORD(nn::Activation, gelu_tanh), HEED_WORD(nn::Activation, silu);
  HEED_WORD(nn::Activation, quick_gelu);
  HEED_WORD(nn::Tied, none), HEED_WORD(nn::Tied, decoder), HEED_WORD(nn::Tied, all);
  HEED_WORD(nn::Tied, embeddings);
  HEED_WORD(nn::PoolKeys, tokens), HEED_WORD(nn::PoolKeys, tanh);
  HEED_WORD(nn::PoolingKind, mean), HEED_WORD(nn::PoolingKind, max);
  HEED_WORD(nn::PoolingKind, first), HEED_WORD(nn::PoolingKind, last);
  HEED_WORD(nn::PoolingKind, attention), HEED_WORD(nn::PoolingKind, mean_sqrt);
  HEED_WORD(nn::PoolingKind, weighted_mean);
  HEED_WORD(nn::NgramReduction, mean), HEED_WORD(nn::NgramReduction, sum);
  HEED_WORD(nn::NegativeDistribution, uniform), HEED_WORD(nn::NegativeDistribution, log_uniform);
  HEED_WORD(nn::NegativeDistribution, popularity);
  HEED_WORD(JoinType, concat), HEED_WORD(JoinType, cross);
  HEED_WORD(ImageTokens, patches), HEED_WORD(ImageTokens, rows);
  HEED_WORD(ImageStem, patch), HEED_WORD(ImageStem, conv);
  HEED_WORD(StemGate, none), HEED_WORD(StemGate, squeeze_excitation), HEED_WORD(StemGate, cbam);
  HEED_WORD(ImageSkip, none), HEED_WORD(ImageSkip, attention_gate);
  HEED_WORD(ImagePool, class_token), HEED_WORD(ImagePool, attention), HEED_WORD(ImagePool, mean);
  HEED_WORD(SeriesTokens, patches), HEED_WORD(SeriesTokens, variates);
  HEED_WORD(NumberEmbedding, linear), HEED_WORD(NumberEmbedding, periodic);
  HEED_WORD(NumberEmbedding, piecewise);
  HEED_WORD(RecurrentCell, lstm), HEED_WORD(RecurrentCell, gru);
  HEED_WORD(DecoderAttention, bahdanau), HEED_WORD(DecoderAttention, luong);
  HEED_WORD(LengthPenaltyType, wu), HEED_WORD(LengthPenaltyType, power);
  HEED_WORD(TransformerPreset, base), HEED_WORD(TransformerPreset, small);
  HEED_WORD(TransformerPreset, gpt);
#undef HEED_WORD
}

}  // namespace
}  // namespace heed
