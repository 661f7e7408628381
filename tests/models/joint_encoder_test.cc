#include "heed/models/joint_encoder.h"

#include "heed/models/table_encoder.h"
#include "heed/models/text_encoder.h"
#include "models/encoders.h"
#include "words.h"

namespace heed::joint_encoder_test {
namespace {

using testing::HasSubstr;

TextEncoder text_encoder(int64_t width = 8) {
  TextEncoderOptions options;
  options.width = width, options.hidden = 12, options.layers = 1;
  options.dropout = options.embedding_dropout = 0;
  options.attention = Attention::parse("sinusoidal; num_heads=2");
  return TextEncoder(options, TextShape{.vocabulary = 10});
}

TableEncoder table_encoder(int64_t width) {
  TableEncoderOptions options;
  options.width = width, options.hidden = 12, options.layers = 1, options.dropout = 0;
  options.attention = Attention::parse("num_heads=2");
  return TableEncoder(options, TableShape{.numbers = 2});
}

JointEncoderOptions small(const char* join, nn::Norm norm = nn::Norm::pre) {
  JointEncoderOptions options;
  options.join = test::Word{join}, options.norm = norm;
  options.width = 8, options.hidden = 12, options.dropout = 0;
  options.attention = Attention::parse("num_heads=2");
  return options;
}

/// A title, a row of a table and a body.
JointEncoder make(const JointEncoderOptions& options, int64_t table_width = 6) {
  torch::manual_seed(5);
  return JointEncoder(options, JointEncoderImpl::Inputs{{"title", text_encoder().ptr()},
                                                        {"facts", table_encoder(table_width).ptr()},
                                                        {"body", text_encoder().ptr()}});
}

Batch batch(int64_t padding = 0) {
  torch::manual_seed(6);
  const auto title = sequences_of("tokens", {{4, 5}, {}, {6, 7, 8}}, padding);
  const auto body = sequences_of("tokens", {{1, 2, 3, 4}, {5}, {}}, padding);
  auto numbers = torch::randn({3, 2});
  numbers[1][0] = std::nan("");
  return batch_of({{"title.tokens", title.at("tokens")},
                   {"title.lengths", title.at("lengths")},
                   {"facts.numbers", numbers},
                   {"body.tokens", body.at("tokens")},
                   {"body.lengths", body.at("lengths")}});
}

TEST(JointEncoder, JoinsTokensAndTrainsEveryParameter) {
  for (const char* join : {"concat", "cross"})
    for (const auto norm : {nn::Norm::pre, nn::Norm::post})
      for (const int64_t layers : {0, 2}) {
        SCOPED_TRACE(std::string(join) + " " + word_of(norm) + " " + std::to_string(layers));
        auto options = small(join, norm);
        options.layers = layers;
        auto encoder = make(options);
        const auto tokens = encoder->forward(batch());
        EXPECT_EQ(tokens.states.sizes(), (std::vector<int64_t>{3, 10, 8}));
        EXPECT_TRUE(tokens.lengths.equal(torch::tensor({9, 4, 6}, at::kLong)));
        const auto& input = tokens.extra.at("input");
        EXPECT_TRUE(
            input[0].narrow(0, 0, 9).equal(torch::tensor({0, 0, 1, 1, 1, 2, 2, 2, 2}, at::kLong)));
        EXPECT_TRUE(input[1].narrow(0, 0, 4).equal(torch::tensor({1, 1, 1, 2}, at::kLong)));
        EXPECT_TRUE(input[2].narrow(0, 0, 6).equal(torch::tensor({0, 0, 0, 1, 1, 1}, at::kLong)));
        expect_gradients(*encoder, batch());
      }
}

TEST(JointEncoder, KeepsEachInputsTokensInTheirOrder) {
  auto options = small("cross", nn::Norm::post);
  options.layers = 0;
  auto encoder = make(options, 8);
  const auto all = batch();
  const auto joined = encoder->forward(all);
  const auto own = [&](size_t i, const char* name) {
    Batch part;
    for (const auto& [key, tensor] : all.tensors)
      if (key.starts_with(name)) part.tensors[key.substr(std::string(name).size() + 1)] = tensor;
    return encoder->inputs[i].second->forward(part).states;
  };
  const auto expected =
      torch::cat({own(0, "title")[0].narrow(0, 0, 2), own(1, "facts")[0], own(2, "body")[0]});
  EXPECT_TRUE(joined.states[0].narrow(0, 0, 9).equal(expected));
}

TEST(JointEncoder, PaddingHasNoInfluenceAndInputsHave) {
  const torch::NoGradGuard no_gradient;
  for (const char* join : {"concat", "cross"}) {
    SCOPED_TRACE(join);
    auto encoder = make(small(join));
    encoder->eval();
    const auto states = real_states(encoder->forward(batch()));
    EXPECT_TRUE(states.isfinite().all().item<bool>());
    EXPECT_TRUE(real_states(encoder->forward(batch(1000))).equal(states));
    auto other = batch();
    other.tensors["body.tokens"][0][3] = 9;
    const auto changed = real_states(encoder->forward(other));
    EXPECT_FALSE(changed[0].equal(states[0]));   // its title sees its body
    EXPECT_TRUE(changed[10].equal(states[10]));  // another record does not
  }
}

TEST(JointEncoder, RecordsMapsOfInputsAndOfTheJoint) {
  const std::vector<std::string> own = {"inputs.title.layers.0.attention",
                                        "inputs.facts.layers.0.attention",
                                        "inputs.body.layers.0.attention"};
  auto names = own;
  for (const char* name : {"layers.0.attention", "layers.1.attention"}) names.push_back(name);
  auto concat = make(small("concat"));
  Recording joined(*concat);
  concat->forward(batch());
  EXPECT_EQ(names_of(joined), names);
  auto options = small("cross");
  options.layers = 1;
  names = own;
  for (const char* pair : {"0", "1", "2"})
    for (const char* way : {"x_to_y", "y_to_x"})
      names.push_back(std::string("crossings.0.") + pair + "." + way);
  auto cross = make(options);
  Recording crossed(*cross);
  cross->forward(batch());
  EXPECT_EQ(names_of(crossed), names);
}

TEST(JointEncoder, WithoutLengthsAllTokensAreReal) {
  JointEncoder encoder(small("concat"), JointEncoderImpl::Inputs{{"a", table_encoder(8).ptr()},
                                                                 {"b", table_encoder(8).ptr()}});
  const auto tokens = encoder->forward(
      batch_of({{"a.numbers", torch::randn({2, 2})}, {"b.numbers", torch::randn({2, 2})}}));
  EXPECT_FALSE(tokens.lengths.defined());
  EXPECT_EQ(tokens.states.size(1), 6);
}

TEST(JointEncoder, LearnsWhetherTwoInputsAgree) {
  for (const char* join : {"concat", "cross"}) {
    torch::manual_seed(test::learning_seed(3));
    auto options = small(join);
    options.width = 16, options.hidden = 32, options.layers = 2;
    JointEncoder encoder(options, JointEncoderImpl::Inputs{{"text", text_encoder(16).ptr()},
                                                           {"facts", table_encoder(16).ptr()}});
    const auto draw = [] {
      const auto word = torch::randint(0, 2, {64, 1}, at::kLong);
      const auto x = torch::randn({64, 2});
      const auto positive = x.select(1, 0) > 0;
      const auto answers = positive.eq(word.select(1, 0).to(at::kBool)).to(at::kLong);
      return std::pair(batch_of({{"text.tokens", word + 4},
                                 {"text.lengths", torch::ones({64}, at::kLong)},
                                 {"facts.numbers", x}}),
                       answers);
    };
    const auto pick = [](const Tokens& tokens) { return tokens.states.select(1, 0); };
    const double right = learn(*encoder, {.classes = 2, .draw = draw, .pick = pick, .steps = 300});
    test::expect_learned(std::string("joint encoder, ") + join, right, 0.8);
  }
}

TEST(JointEncoder, ApartNoInputSeesAnother) {
  auto options = small("apart");
  auto encoder = make(options);
  encoder->eval();
  const auto given = batch();
  const auto all = encoder->forward(given);
  EXPECT_EQ(all.states.size(2), 8);
  EXPECT_FALSE(encoder->input_embedding.defined());
  const auto facts_of = [](const Tokens& tokens) {
    return tokens.states.masked_select(tokens.extra.at("input").eq(1).unsqueeze(2));
  };
  auto other = given;
  other.tensors["title.tokens"] = given.at("title.tokens") + 1;
  EXPECT_TRUE(facts_of(encoder->forward(other)).equal(facts_of(all)));
  auto alone = given;
  for (const char* name : {"title.tokens", "title.lengths", "body.tokens", "body.lengths"})
    alone.tensors.erase(name);
  const auto one = encoder->forward(alone);
  EXPECT_TRUE(one.extra.at("input").eq(1).all().item<bool>());
  EXPECT_TRUE(one.states.flatten().equal(facts_of(all)));
  alone.tensors.clear();
  EXPECT_THAT(refusal_of<UsageError>([&] { encoder->forward(alone); }), HasSubstr("title.tokens"));
}

TEST(JointEncoder, RefusesWhatDoesNotFit) {
  const auto refusal = [](const JointEncoderOptions& options, JointEncoderImpl::Inputs inputs) {
    return refusal_of<ModelError>([&] { JointEncoder encoder(options, inputs); });
  };
  const auto one = text_encoder().ptr();
  const JointEncoderImpl::Inputs two = {{"a", one}, {"b", text_encoder().ptr()}};
  EXPECT_THAT(refusal(small("concat"), {{"a", one}}), HasSubstr("two or more"));
  EXPECT_THAT(refusal(small("concat"), {{"a", one}, {"a", one}}), HasSubstr("'a' stands twice"));
  EXPECT_THAT(refusal(small("concat"), {{"a.b", one}, {"c", one}}), HasSubstr("without a dot"));
  auto options = small("cross");
  options.attention = Attention::parse("rope; num_heads=2");
  EXPECT_THAT(refusal(options, two), HasSubstr("join = cross"));
  options = small("cross"), options.attention_type = nn::AttentionType::linear;
  EXPECT_THAT(refusal(options, two), HasSubstr("encoder.join"));
  auto encoder = make(small("concat"));
  auto given = batch();
  given.tensors.erase("body.lengths");
  EXPECT_EQ(refusal_of<UsageError>([&] { encoder->forward(given); }),
            "input 'body': batch: no tensor 'lengths'; there are tokens");
  given = batch(), given.tensors["facts.numbers"] = torch::zeros({2, 2});
  EXPECT_THAT(refusal_of<UsageError>([&] { encoder->forward(given); }),
              HasSubstr("input 'facts': expected B = 3"));
}

}  // namespace
}  // namespace heed::joint_encoder_test
