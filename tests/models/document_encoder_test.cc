#include "heed/models/document_encoder.h"

#include "models/encoders.h"
#include "words.h"

namespace heed::document_encoder_test {
namespace {

using testing::HasSubstr;

DocumentEncoderOptions small(const char* how = "sinusoidal; num_heads=2") {
  DocumentEncoderOptions options;
  options.width = 8, options.hidden = 12, options.layers = 1;
  options.dropout = options.embedding_dropout = 0;
  options.attention = Attention::parse(how);
  return options;
}

DocumentEncoder make(const DocumentEncoderOptions& options) {
  torch::manual_seed(5);
  return DocumentEncoder(options, 10);
}

/// Three documents of at most 3 sentences of at most 4 words; the last one is empty.
Batch documents(int64_t padding = 0) {
  const auto words = torch::tensor({{4, 2, 1}, {3, 0, 7}, {9, 9, 9}}, at::kLong);
  const auto lengths = torch::tensor({3, 2, 0}, at::kLong);
  auto tokens = torch::full({3, 3, 4}, padding, at::kLong);
  for (int64_t b = 0; b < 3; ++b)
    for (int64_t s = 0; s < lengths[b].item<int64_t>(); ++s)
      for (int64_t w = 0; w < words[b][s].item<int64_t>(); ++w)
        tokens[b][s][w] = (3 * b + 2 * s + w) % 10;
  return batch_of({{"tokens", tokens}, {"words", words}, {"lengths", lengths}});
}

TEST(DocumentEncoder, EveryFormGivesATokenAndTrainsEveryParameter) {
  for (const char* how :
       {"num_heads=2", "sinusoidal; num_heads=2", "learned(4); num_heads=2", "alibi; num_heads=2"})
    for (const char* keys : {"tanh", "tokens"})
      for (const char* type : {"softmax", "linear"}) {
        if (std::string(type) == "linear" && std::string(how).starts_with("alibi")) continue;
        SCOPED_TRACE(std::string(how) + " " + keys + " " + type);
        auto options = small(how);
        options.pool_keys = test::Word{keys}, options.attention_type = test::Word{type};
        auto encoder = make(options);
        const auto tokens = encoder->forward(documents());
        EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{3, 1, 8}));
        EXPECT_FALSE(tokens.lengths.defined());
        EXPECT_EQ(tokens.states[2].abs().max().item<double>(), 0);
        expect_gradients(*encoder, documents());
      }
}

TEST(DocumentEncoder, PaddingHasNoInfluence) {
  const torch::NoGradGuard no_gradient;
  auto encoder = make(small());
  encoder->eval();
  const auto states = encoder->forward(documents()).states;
  EXPECT_TRUE(encoder->forward(documents(1000)).states.equal(states));
  auto longer = documents();
  longer.tensors["tokens"] = at::constant_pad_nd(longer.at("tokens"), {0, 3, 0, 2}, 5);
  longer.tensors["words"] = at::constant_pad_nd(longer.at("words"), {0, 2}, 5);
  EXPECT_TRUE(encoder->forward(longer).states.allclose(states, 1e-4, 1e-5));
}

TEST(DocumentEncoder, RecordsMapsOfBothLevels) {
  auto encoder = make(small());
  Recording seen(*encoder);
  encoder->forward(documents());
  EXPECT_THAT(
      names_of(seen),
      testing::ElementsAre("pooling.word_encoder.layers.0.attention", "pooling.word_pool",
                           "pooling.sentence_encoder.layers.0.attention", "pooling.sentence_pool"));
}

TEST(DocumentEncoder, LearnsWhichSentenceHasAWord) {
  torch::manual_seed(test::learning_seed(3));
  auto options = small();
  options.width = 16, options.hidden = 32;
  DocumentEncoder encoder(options, 6);
  const auto draw = [] {  // whether word 5 stands in the first or in the last sentence
    const auto answers = torch::randint(0, 2, {32}, at::kLong);
    auto tokens = torch::randint(1, 5, {32, 2, 3}, at::kLong);
    const auto places = torch::randint(0, 3, {32}, at::kLong);
    for (int64_t b = 0; b < 32; ++b) tokens[b][answers[b]][places[b]] = 5;
    return std::pair(batch_of({{"tokens", tokens},
                               {"words", torch::full({32, 2}, 3, at::kLong)},
                               {"lengths", torch::full({32}, 2, at::kLong)}}),
                     answers);
  };
  const auto pick = [](const Tokens& tokens) { return tokens.states.select(1, 0); };
  const double right = learn(*encoder, {.classes = 2, .draw = draw, .pick = pick, .steps = 300});
  test::expect_learned("document encoder", right, 0.8);
}

TEST(DocumentEncoder, RefusesWhatDoesNotFit) {
  auto options = small();
  options.pool = Attention::parse("dot; num_heads=3");
  EXPECT_THAT(refusal_of<ModelError>([&] { make(options); }), HasSubstr("pool.num_heads = 3"));
  auto encoder = make(small());
  const auto call = [&](const std::function<void(Batch&)>& change) {
    auto batch = documents();
    change(batch);
    return refusal_of<UsageError>([&] { encoder->forward(batch); });
  };
  EXPECT_THAT(call([](Batch& b) { b.tensors["words"][0][0] = 5; }),
              HasSubstr("words: expected 0 to 4, given 5"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["tokens"][0][0][0] = 10; }),
              HasSubstr("tokens: expected 0 to 9, given 10"));
  EXPECT_THAT(call([](Batch& b) { b.tensors["lengths"][0] = 4; }), HasSubstr("lengths"));
  EXPECT_THAT(call([](Batch& b) { b.tensors.erase("words"); }), HasSubstr("no tensor 'words'"));
}

}  // namespace
}  // namespace heed::document_encoder_test
