#include "models/packed_texts.h"

#include <gmock/gmock.h>

#include "heed/models/text_encoder.h"
#include "models/encoders.h"
#include "nn/linear.h"

namespace heed::models {
namespace {

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

/// A text's states have the bits that it has alone, whatever stands beside it; with rotary places, too.
TEST(PackedTexts, StatesHaveTheBitsThatATextHasAlone) {
  torch::manual_seed(4);
  for (const char* how : {"learned(90); num_heads=2", "rope; num_heads=2; window(3, 3)"}) {
    TextEncoderOptions options;
    options.width = 8, options.hidden = 12;
    options.attention = Attention::parse(how);
    TextEncoder encoder(options, TextShape{.vocabulary = 10});
    encoder->eval();
    const at::NoGradGuard no_gradient;
    const nn::RowsAlone alone;
    std::vector<std::vector<int64_t>> texts{{3}, {4, 5, 6}};
    texts.push_back(std::vector<int64_t>(80, 7)), texts.push_back(std::vector<int64_t>(33, 2));
    texts[2][70] = 4, texts[3][30] = 5;
    const auto together = encoder->forward(sequences_of("tokens", texts)).states;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto one = encoder->forward(sequences_of("tokens", {texts[i]})).states;
      EXPECT_TRUE(together[static_cast<int64_t>(i)].narrow(0, 0, one.size(1)).equal(one[0]))
          << how << " " << i;
    }
  }
}

}  // namespace
}  // namespace heed::models
