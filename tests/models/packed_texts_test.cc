#include "models/packed_texts.h"

#include <gmock/gmock.h>

#include "heed/models/text_encoder.h"
#include "models/encoders.h"

namespace heed::models {
namespace {

TEST(PackedTexts, ComesAndGoesWithoutPadding) {
  const auto x = at::arange(24, at::kFloat).view({2, 4, 3});
  const auto packed = PackedTexts::of(at::tensor({1, 3}, at::kLong), 4);
  ASSERT_TRUE(packed);
  const auto y = packed->pack(x);
  EXPECT_TRUE(y.equal(at::cat({x[0].narrow(0, 0, 1), x[1].narrow(0, 0, 3)}).unsqueeze(0)));
  auto expected = x.clone();
  expected[0].narrow(0, 1, 3).zero_(), expected[1].narrow(0, 3, 1).zero_();
  EXPECT_TRUE(packed->unpack(y).equal(expected));
  EXPECT_TRUE(
      packed->inputs().segment_ids->equal(at::tensor({0, 1, 1, 1}, at::kLong).view({1, 4})));
  EXPECT_FALSE(PackedTexts::of(at::tensor({4, 4}, at::kLong), 4));
  EXPECT_FALSE(PackedTexts::of(at::tensor({0, 0}, at::kLong), 4));
}

TEST(PackedTexts, AttentionsThatKnowPlacesOfTheirOwnAreNotPacked) {
  const auto packs = [](const char* how) {
    BlockStackOptions options;
    options.attention = Attention::parse(how);
    return can_pack(options);
  };
  for (const char* how : {"num_heads=2", "learned(7)", "sinusoidal; causal", "rope; window(2, 2)"})
    EXPECT_TRUE(packs(how)) << how;
  for (const char* how : {"relative(4)", "global(2)", "random_blocks(2, 2)", "causal | global(1)"})
    EXPECT_FALSE(packs(how)) << how;
}

/// In training nothing is packed, so that dropout draws what it drew; states are the same.
TEST(PackedTexts, TrainingGivesTheSameStates) {
  torch::manual_seed(4);
  TextEncoderOptions options;
  options.width = 8, options.hidden = 12, options.dropout = 0, options.embedding_dropout = 0;
  options.attention = Attention::parse("learned(9); num_heads=2");
  TextEncoder encoder(options, TextShape{.vocabulary = 10});
  const auto batch = sequences_of("tokens", {{4, 5, 6, 7, 8}, {3}, {}, {9, 8, 7, 6, 5, 4, 3}});
  const auto plain = real_states(encoder->forward(batch));
  encoder->eval();
  EXPECT_TRUE(real_states(encoder->forward(batch)).allclose(plain, 1e-5, 1e-6));
}

}  // namespace
}  // namespace heed::models
