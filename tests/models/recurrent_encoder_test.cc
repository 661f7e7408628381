#include "heed/models/recurrent_encoder.h"

#include "heed/nn/token_convolution.h"
#include "models/encoders.h"
#include "words.h"

namespace heed::recurrent_encoder_test {
namespace {

using testing::HasSubstr;

const std::vector<std::vector<int64_t>> kTexts = {{4, 5, 6, 7, 8}, {3}, {}, {9, 8, 7, 6, 5, 4, 3}};

RecurrentEncoderOptions small(const char* cell = "lstm") {
  RecurrentEncoderOptions options;
  options.cell = test::Word{cell}, options.width = 8, options.layers = 2,
  options.embedding_width = 6;
  options.dropout = options.embedding_dropout = 0;
  return options;
}

RecurrentEncoder make(const RecurrentEncoderOptions& options) {
  torch::manual_seed(5);
  return RecurrentEncoder(options, TextShape{.vocabulary = 10});
}

TEST(RecurrentEncoder, GivesTokensAndTrainsEveryParameter) {
  for (const char* cell : {"lstm", "gru"}) {
    auto encoder = make(small(cell));
    const auto batch = sequences_of("tokens", kTexts);
    const auto tokens = encoder->forward(batch);
    EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{4, 7, 8}));
    EXPECT_TRUE(tokens.lengths.equal(batch.at("lengths")));
    // Forward it ends at the last token, backward at the first.
    const auto& last = tokens.extra.at("last");
    EXPECT_TRUE(last[0].narrow(0, 0, 4).equal(tokens.states[0][4].narrow(0, 0, 4)));
    EXPECT_TRUE(last[0].narrow(0, 4, 4).equal(tokens.states[0][0].narrow(0, 4, 4)));
    EXPECT_EQ(last[2].abs().max().item<double>(), 0);
    expect_gradients(*encoder, batch);
  }
}

TEST(RecurrentEncoder, PaddingHasNoInfluence) {
  const torch::NoGradGuard no_gradient;
  auto encoder = make(small());
  encoder->eval();
  const auto states = real_states(encoder->forward(sequences_of("tokens", kTexts)));
  EXPECT_TRUE(real_states(encoder->forward(sequences_of("tokens", kTexts, 1000))).equal(states));
  const auto longer = real_states(encoder->forward(sequences_of("tokens", kTexts, 0, 12)));
  EXPECT_TRUE(longer.allclose(states, 1e-5, 1e-6));
}

TEST(RecurrentEncoder, LearnsTheFirstWordAtTheLast) {
  torch::manual_seed(test::learning_seed(3));
  auto options = small("gru");
  options.width = 16, options.layers = 1;
  RecurrentEncoder encoder(options, TextShape{.vocabulary = 6});
  const auto draw = [] {
    const auto tokens = torch::randint(2, 6, {32, 5}, at::kLong);
    const auto batch = batch_of({{"tokens", tokens}, {"lengths", torch::full({32}, 5, at::kLong)}});
    return std::pair(batch, tokens.select(1, 0) - 2);
  };
  const auto pick = [](const Tokens& tokens) { return tokens.states.select(1, 4); };
  const Lesson lesson{.classes = 4, .draw = draw, .pick = pick, .steps = 300, .rate = 1e-2};
  test::expect_learned("recurrent encoder", learn(*encoder, lesson), 0.8);
}

TEST(RecurrentEncoder, RefusesWhatDoesNotFit) {
  const auto refusal = [](const std::function<void(RecurrentEncoderOptions&)>& change) {
    auto options = small();
    change(options);
    return refusal_of<ModelError>([&] { make(options); });
  };
  EXPECT_THAT(refusal([](auto& o) { o.width = 7; }), HasSubstr("encoder.width"));
  EXPECT_THAT(refusal([](auto& o) { o.layers = 0; }), HasSubstr("encoder.layers"));
  auto batch = sequences_of("tokens", kTexts);
  batch.tensors["tokens"][0][0] = 10;
  EXPECT_THAT(refusal_of<UsageError>([&] { make(small())->forward(batch); }),
              HasSubstr("tokens: expected 0 to 9, given 10"));
}

}  // namespace
}  // namespace heed::recurrent_encoder_test
