// Texts that come and go, against the same texts alone.
#include "models/continuous.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/models/transformer.h"

namespace heed::models {
namespace {

using Ids = std::vector<int64_t>;

SequenceModelPtr writer_of_one_text(const char* attention, std::vector<int64_t> lookback = {}) {
  torch::manual_seed(3);
  auto options = TransformerOptions()
                     .preset(TransformerPreset::gpt)
                     .width(16)
                     .hidden(24)
                     .decoder_layers(2)
                     .decoder_attention(Attention::parse(attention))
                     .lookback(std::move(lookback));
  auto model = std::make_shared<TransformerImpl>(options, 40);
  for (auto& parameter : model->parameters()) parameter.detach().mul_(3);
  model->eval();
  return model;
}

/// Of number i: another length, greedy or drawn, with penalties.
Asked asked_of(int64_t i) {
  Random random(7, static_cast<uint32_t>(i));
  Asked asked;
  const auto length = 1 + random.bits() % 150;
  for (uint32_t k = 0; k < length; ++k)
    asked.prompt.push_back(k < 40 && i % 2 ? (k * 7) % 40 : random.bits() % 40);
  asked.options.begin(asked.prompt.front()).end(3).max_new(1 + random.bits() % 30);
  if (i % 3 == 0) asked.options.sample(true).temperature(0.8).top_k(20).seed(i);
  if (i % 4 == 0) asked.options.repetition_penalty(1.3);
  return asked;
}

Hypothesis alone(const SequenceModelPtr& model, const Asked& asked) {
  auto options = asked.options;
  options.prefixes({{asked.prompt.begin() + 1, asked.prompt.end()}});
  return generate({model}, {}, options).front().front();
}

struct Heard {
  Ids tokens;
  std::vector<double> log_probabilities;
  bool is_last = false;
};

void hear(Continuous& all, std::map<int64_t, Heard>& heard) {
  for (const auto& written : all.step()) {
    auto& own = heard[written.id];
    EXPECT_FALSE(own.is_last);
    EXPECT_EQ(written.error, "");
    if (written.token) own.tokens.push_back(*written.token);
    if (written.token) own.log_probabilities.push_back(written.log_probability);
    own.is_last = written.is_last;
  }
}

/// The new tokens and their log-probabilities, bit for bit.
void expect_as_alone(const SequenceModelPtr& model, const Asked& asked, const Heard& heard) {
  const auto want = alone(model, asked);
  const auto forced = std::ssize(asked.prompt) - 1;
  Ids tokens(want.tokens.begin() + forced, want.tokens.end());
  if (want.ended) tokens.push_back(3);
  EXPECT_EQ(heard.tokens, tokens);
  EXPECT_EQ(heard.log_probabilities, std::vector<double>(want.log_probabilities.begin() + forced,
                                                         want.log_probabilities.end()));
  EXPECT_TRUE(heard.is_last);
}

TEST(Continuous, TextsThatComeAndGoHaveTheBitsThatTheyHaveAlone) {
  for (const char* attention : {"rope; causal; num_heads=2", "learned(400); causal; num_heads=2",
                                "alibi; causal; window(20, 0); num_heads=2"}) {
    const auto model = writer_of_one_text(attention);
    Continuous all(model, {.cache_bytes = 400000, .rows = 5, .prefill = 90});
    std::map<int64_t, Asked> asked;
    std::map<int64_t, Heard> heard;
    std::vector<int64_t> gone;
    Random random(11);
    for (int64_t i = 0; i < 24 || all.running() + all.waiting() > 0;) {
      for (uint32_t joins = random.bits() % 3; i < 24 && joins > 0; --joins, ++i) {
        const auto one = asked_of(i);
        asked[all.join(one)] = one;
      }
      if (random.bits() % 8 == 0 && !asked.empty()) {
        const auto id = std::next(asked.begin(), random.bits() % asked.size())->first;
        if (!heard[id].is_last) gone.push_back(id);
        all.leave(id);
      }
      hear(all, heard);
      EXPECT_LE(all.reserved_bytes(), 400000);
    }
    for (const int64_t id : gone) asked.erase(id);
    EXPECT_GT(asked.size(), 10u);
    for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
    EXPECT_GT(all.reused_tokens(), 0) << attention;
  }
}

TEST(Continuous, WhatIsKeptMakesRoomForOthers) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  const Continuous measured(model, {});
  const int64_t most = measured.bytes_of(100);  // two texts of 45 tokens, and no third
  Continuous all(model, {.cache_bytes = most});
  std::map<int64_t, Heard> heard;
  for (int64_t i = 0; i < 7; ++i) {
    const auto id = all.join({Ids(40, i), GenerateOptions().begin(i).end(39).max_new(4)});
    for (int step = 0; step < 10 && !heard[id].is_last; ++step) hear(all, heard);
    EXPECT_TRUE(heard[id].is_last) << "text " << i;
    EXPECT_LE(all.reserved_bytes(), most);
    EXPECT_GT(all.reserved_bytes(), 0) << "it is kept";
  }
}

TEST(Continuous, AStepReadsSoMuchOfAllPrompts) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {.prefill = 20});
  std::map<int64_t, Heard> heard;
  const auto options = GenerateOptions().begin(1).end(39).max_new(1);
  const auto first = all.join({Ids(30, 1), options}), second = all.join({Ids(30, 2), options});
  hear(all, heard);  // 20 and 0
  EXPECT_FALSE(heard[first].is_last);
  hear(all, heard);  // 10 and 10
  EXPECT_TRUE(heard[first].is_last);
  EXPECT_FALSE(heard[second].is_last);
  hear(all, heard);  // 20
  EXPECT_TRUE(heard[second].is_last);
}

TEST(Continuous, LooksBackAsAlone) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2", {1, 3});
  Continuous all(model, {});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  for (int64_t i = 0; i < 4; ++i) {
    const auto one = asked_of(i);
    asked[all.join(one)] = one;
  }
  while (all.running() + all.waiting() > 0) hear(all, heard);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

TEST(Continuous, RefusesWhatItHasNoRoomFor) {
  const auto model = writer_of_one_text("learned(50); causal; num_heads=2");
  Continuous all(model, {.cache_bytes = 10000});
  const auto options = GenerateOptions().begin(1).end(3).max_new(5);
  EXPECT_THROW(all.join({{}, options}), UsageError);
  EXPECT_THROW(all.join({{1, 40}, options}), UsageError);
  EXPECT_THROW(all.join({Ids(60, 1), options}), UsageError);
  EXPECT_THROW(all.join({Ids(45, 1), options}), UsageError);
  auto beams = options;
  EXPECT_THROW(all.join({{1}, beams.beam_size(2)}), UsageError);
  EXPECT_EQ(all.bytes_of(1), 2 * 2 * 16 * 4);
  all.join({Ids(20, 1), options});
  EXPECT_EQ(all.waiting(), 1);
}

}  // namespace
}  // namespace heed::models
