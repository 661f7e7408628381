// Texts that come and go, against the same texts alone.
#include "models/continuous.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/models/recurrent.h"
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

std::vector<Hypothesis> alone(const SequenceModelPtr& model, const Asked& asked) {
  auto options = asked.options;
  if (asked.source.defined()) {
    const auto row = asked.source.tokens[0].contiguous();
    const auto length = asked.source.lengths.item<int64_t>();
    return generate({model}, {{row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + length}}, options)
        .front();
  }
  options.begin(asked.prompt.front()).early_stop(true);
  options.prefixes({{asked.prompt.begin() + 1, asked.prompt.end()}});
  return generate({model}, {}, options).front();
}

struct Heard {
  Ids tokens;
  std::vector<double> log_probabilities;
  bool is_last = false;
  std::vector<Hypothesis> found;
};

void hear(Continuous& all, std::map<int64_t, Heard>& heard) {
  for (const auto& written : all.step()) {
    auto& own = heard[written.id];
    EXPECT_FALSE(own.is_last);
    EXPECT_EQ(written.error, "");
    own.tokens.insert(own.tokens.end(), written.tokens.begin(), written.tokens.end());
    own.log_probabilities.insert(own.log_probabilities.end(), written.log_probabilities.begin(),
                                 written.log_probabilities.end());
    own.is_last = written.is_last, own.found = written.found;
  }
}

/// The new tokens and their log-probabilities, bit for bit.
void expect_as_alone(const SequenceModelPtr& model, const Asked& asked, const Heard& heard) {
  const auto want = alone(model, asked);
  ASSERT_TRUE(heard.is_last);
  ASSERT_EQ(heard.found.size(), want.size());
  const auto given = asked.prompt.empty() ? 0 : std::ssize(asked.prompt) - 1;
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(heard.found[i].tokens, want[i].tokens);
    EXPECT_EQ(heard.found[i].ended, want[i].ended);
    EXPECT_EQ(heard.found[i].score, want[i].score);
    const auto& own = heard.found[i].log_probabilities;
    const auto& numbers = want[i].log_probabilities;
    EXPECT_EQ(std::vector<double>(own.begin() + given, own.end()),
              std::vector<double>(numbers.begin() + given, numbers.end()));
  }
  const auto& best = want.front();
  const auto before = asked.source.defined() && !asked.options.prefixes().empty()
                          ? std::ssize(asked.options.prefixes().front())
                          : given;
  EXPECT_EQ(heard.tokens, Ids(best.tokens.begin() + before, best.tokens.end()));
  EXPECT_EQ(heard.log_probabilities, std::vector<double>(best.log_probabilities.begin() + before,
                                                         best.log_probabilities.end()));
}

/// So many pages of a model.
int64_t bytes_of_pages(const SequenceModelPtr& model, int64_t pages) {
  return pages * Continuous(model, {}).page_bytes();
}

TEST(Continuous, TextsThatComeAndGoHaveTheBitsThatTheyHaveAlone) {
  for (const char* attention : {"rope; causal; num_heads=2", "learned(400); causal; num_heads=2",
                                "alibi; causal; window(20, 0); num_heads=2"}) {
    const auto model = writer_of_one_text(attention);
    Continuous all(model, {.cache_bytes = bytes_of_pages(model, 12), .rows = 5, .prefill = 90});
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
      EXPECT_LE(all.used_pages(), 12);
    }
    for (const int64_t id : gone) asked.erase(id);
    EXPECT_GT(asked.size(), 10u);
    for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
    EXPECT_GT(all.reused_tokens(), 0) << attention;
  }
}

TEST(Continuous, WhatIsKeptMakesRoomForOthers) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {.cache_bytes = bytes_of_pages(model, 2)});
  std::map<int64_t, Heard> heard;
  for (int64_t i = 0; i < 7; ++i) {
    const auto id = all.join({Ids(40, i), {}, GenerateOptions().end(39).max_new(4)});
    for (int step = 0; step < 10 && !heard[id].is_last; ++step) hear(all, heard);
    EXPECT_TRUE(heard[id].is_last) << "text " << i;
    EXPECT_LE(all.used_pages(), 2);
    EXPECT_GT(all.used_pages(), 0) << "it is kept";
  }
}

/// A page holds 72 tokens: two texts grow to four pages, and three are there; the second takes the third page.
TEST(Continuous, WhoCameLastGivesItsPagesBackAndReadsAgain) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {.cache_bytes = bytes_of_pages(model, 3)});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  for (const int64_t length : {50, 65}) {
    Asked one{Ids(size_t(length), length % 7), {}, GenerateOptions().end(-1).max_new(60)};
    one.options.sample(true).seed(length);
    asked[all.join(one)] = one;
  }
  int64_t most = 0;
  while (all.running() + all.waiting() > 0) {
    hear(all, heard);
    most = std::max(most, all.used_pages());
  }
  EXPECT_EQ(most, 3);
  EXPECT_GT(all.preemptions(), 0);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

TEST(Continuous, TextsThatBeginAlikeShareTheirPages) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  const auto join = [&](int64_t last) {
    Asked one{Ids(300, 5), {}, GenerateOptions().end(-1).max_new(10)};
    one.prompt.push_back(last);
    asked[all.join(one)] = one;
  };
  join(1);
  for (int step = 0; step < 7; ++step) hear(all, heard);  // the first has read its prompt
  const int64_t before = all.used_pages();
  EXPECT_EQ(before, 5);
  for (const int64_t last : {2, 3, 4}) join(last);
  hear(all, heard);
  EXPECT_EQ(all.running(), 4);
  EXPECT_EQ(all.used_pages(), before + 3) << "a last page of its own each";
  while (all.running() > 0) hear(all, heard);
  EXPECT_EQ(all.reused_tokens(), 3 * 300);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

SequenceModelPtr translator(bool is_plain, const char* encoder = "sinusoidal; num_heads=2") {
  torch::manual_seed(4);
  auto options = TransformerOptions().preset(TransformerPreset::small);
  options.width(16).hidden(24).encoder_layers(1).decoder_layers(2);
  options.encoder_attention(Attention::parse(encoder));
  options.decoder_attention(Attention::parse(is_plain ? "sinusoidal; causal; num_heads=2"
                                                      : "relative(8); causal; num_heads=4"));
  options.cross_attention(Attention::parse(is_plain ? "num_heads=4" : "cosine; num_heads=4"));
  auto model = std::make_shared<TransformerImpl>(options, 40, 30);
  for (auto& parameter : model->parameters()) parameter.detach().mul_(3);
  model->eval();
  return model;
}

/// One that has no pages.
SequenceModelPtr recurrent_translator() {
  torch::manual_seed(6);
  auto model = std::make_shared<RecurrentImpl>(RecurrentOptions().width(16).dropout(0), 40, 30);
  for (auto& parameter : model->parameters()) parameter.detach().mul_(3);
  model->eval();
  return model;
}

/// Of number i: beams, draws, prefixes.
Asked translation_of(int64_t i) {
  Random random(9, static_cast<uint32_t>(i));
  Asked asked;
  const auto length = 1 + static_cast<int64_t>(random.bits() % 90);
  asked.source.tokens = torch::randint(30, {1, length}, at::kLong);
  asked.source.lengths = torch::tensor({length}, at::kLong);
  asked.options.begin(1).end(3).max_length(1 + random.bits() % 30).max_ratio(3);
  if (i % 3 == 0) asked.options.beam_size(4).num_hypotheses(2).early_stop(i % 2).length_penalty(1);
  if (i % 3 == 1) asked.options.sample(true).num_hypotheses(1 + i % 2).seed(i);
  if (i % 4 == 0) asked.options.prefixes({{5, 6, 7}}).max_length(20);
  if (i % 5 == 0) asked.options.repetition_penalty(1.3).rules(GenerateRules::transformers);
  return asked;
}

TEST(Continuous, TranslationsThatComeAndGoHaveTheBitsThatTheyHaveAlone) {
  for (const auto& model : {translator(true), translator(false), recurrent_translator()}) {
    torch::manual_seed(5);
    Continuous all(model, {.cache_bytes = bytes_of_pages(model, 14), .rows = 9});
    std::map<int64_t, Asked> asked;
    std::map<int64_t, Heard> heard;
    Random random(12);
    for (int64_t i = 0; i < 30 || all.running() + all.waiting() > 0;) {
      for (uint32_t joins = random.bits() % 4; i < 30 && joins > 0; --joins, ++i) {
        const auto one = translation_of(i);
        asked[all.join(one)] = one;
      }
      if (random.bits() % 8 == 0 && !asked.empty()) {
        const auto id = std::next(asked.begin(), random.bits() % asked.size())->first;
        if (!heard[id].is_last) asked.erase(id), all.leave(id);
      }
      hear(all, heard);
    }
    EXPECT_GT(asked.size(), 12u);
    for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
    EXPECT_EQ(all.used_pages(), 0);
  }
}

Asked translation_from(int64_t length, GenerateOptions options) {
  Asked asked{.options = std::move(options)};
  asked.source.tokens = torch::arange(length).remainder(30).unsqueeze(0);
  asked.source.lengths = torch::tensor({length}, at::kLong);
  return asked;
}

TEST(Continuous, ATextWhoseSourceCannotBeReadEndsAlone) {
  const auto model = translator(true, "learned(40); num_heads=2");
  Continuous all(model, {});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  const auto join = [&](int64_t length) {
    const auto one = translation_from(length, GenerateOptions().begin(1).end(3).max_length(9));
    asked[all.join(one)] = one;
    return asked.rbegin()->first;
  };
  join(10);
  const auto too_long = join(60);
  join(12);
  for (const auto& written : all.step()) {
    if (written.id == too_long) {
      EXPECT_TRUE(written.is_last && written.is_refused);
      EXPECT_NE(written.error.find("40 positions"), std::string::npos) << written.error;
      asked.erase(too_long);
    }
    auto& own = heard[written.id];
    own.tokens = written.tokens, own.log_probabilities = written.log_probabilities;
  }
  EXPECT_EQ(asked.size(), 2u) << "it has ended";
  while (all.running() + all.waiting() > 0) hear(all, heard);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

/// Four pages: the first text takes all of them.
TEST(Continuous, SourcesThatAreReadTogetherFitIntoThePages) {
  const auto model = translator(true);
  Continuous all(model, {.cache_bytes = bytes_of_pages(model, 4)});
  for (const int64_t length : {150, 100})
    all.join(translation_from(length, GenerateOptions().begin(1).end(-1).max_length(9)));
  while (all.running() + all.waiting() > 0) all.step();
  EXPECT_EQ(all.preemptions(), 0) << "a source was read that there was no room for";
}

/// Beams that gave their pages back read again, where they are more than tokens that a step reads.
TEST(Continuous, MoreRowsThanAStepReadsGoOn) {
  const auto model = translator(true);
  Continuous all(model, {.cache_bytes = bytes_of_pages(model, 9), .prefill = 3});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  for (const int64_t length : {5, 7}) {
    const auto one = translation_from(
        length, GenerateOptions().begin(1).end(-1).max_length(100).beam_size(4).early_stop(false));
    asked[all.join(one)] = one;
  }
  for (int step = 0; step < 1000 && all.running() + all.waiting() > 0; ++step) hear(all, heard);
  EXPECT_GT(all.preemptions(), 0);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

TEST(Continuous, AClientsTextsWaitForThoseOfOthers) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {.rows = 2});
  std::map<int64_t, Heard> heard;
  const auto join = [&](const char* client) {
    return all.join({Ids(3, 1), {}, GenerateOptions().end(-1).max_new(4), client});
  };
  const auto first = join("many"), second = join("many"), third = join("many"), other = join("one");
  while (!heard[other].is_last) hear(all, heard);
  EXPECT_TRUE(heard[first].is_last);
  EXPECT_FALSE(heard[second].is_last);
  EXPECT_FALSE(heard[third].is_last);
}

/// Memory ends where it says.
struct WithoutMemory final : TransformerImpl {
  using TransformerImpl::TransformerImpl;
  at::Tensor project(const at::Tensor& hidden) override {
    if (fails) throw std::bad_alloc();
    return TransformerImpl::project(hidden);
  }
  bool fails = false;
};

/// A step ends in the first layer, in the second, when its keys are written, or before the logits: taken again, it has the bits
/// of one that did not.
TEST(Continuous, AStepThatFailsOnItsWayCanBeTakenAgain) {
  torch::manual_seed(3);
  auto options = TransformerOptions().preset(TransformerPreset::gpt);
  options.width(16).hidden(24).decoder_layers(2).lookback({1, 3});
  options.decoder_attention(Attention::parse("rope; causal; num_heads=2"));
  const auto model = std::make_shared<WithoutMemory>(options, 40);
  for (auto& parameter : model->parameters()) parameter.detach().mul_(3);
  model->eval();
  Continuous all(model, {});
  std::map<int64_t, Heard> heard;
  std::map<int64_t, Asked> asked;
  for (int64_t i = 0; i < 3; ++i) {
    Asked one{Ids(static_cast<size_t>(60 + 9 * i), i), {}, GenerateOptions().end(-1).max_new(20)};
    one.options.sample(true).seed(i);
    asked[all.join(one)] = one;
  }
  int64_t failed = 0;
  const auto fail_in = [&](at::Tensor& weight) {
    const auto kept = weight;
    weight = torch::zeros({7}, at::kDouble);
    EXPECT_ANY_THROW(all.step());
    weight = kept;
  };
  for (int64_t step = 0; all.running() + all.waiting() > 0; ++step) {
    const auto layer = model->decoder[static_cast<size_t>(step % 2)];
    auto& block = *layer->as<nn::TransformerBlockImpl>();
    if (step % 4 < 2) fail_in(block.attention_norm->weight);
    if (step % 4 >= 2) fail_in(block.feed_forward_norm->weight);
    model->fails = true;
    try {
      hear(all, heard);
    } catch (const std::bad_alloc&) {  // no step without logits, as those that read prompts alone
      ++failed;
    }
    model->fails = false;
    hear(all, heard);
  }
  EXPECT_GT(failed, 15);
  for (const auto& [id, one] : asked) expect_as_alone(model, one, heard[id]);
}

TEST(Continuous, AStepReadsSoMuchOfAllPrompts) {
  const auto model = writer_of_one_text("rope; causal; num_heads=2");
  Continuous all(model, {.prefill = 20});
  std::map<int64_t, Heard> heard;
  const auto options = GenerateOptions().begin(1).end(39).max_new(1);
  const auto first = all.join({Ids(30, 1), {}, options}),
             second = all.join({Ids(30, 2), {}, options});
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
  const auto model = writer_of_one_text("learned(200); causal; num_heads=2");
  Continuous all(model, {.cache_bytes = bytes_of_pages(model, 2)});
  EXPECT_EQ(all.page_bytes(), 72 * 2 * 2 * 16 * 4);
  const auto options = GenerateOptions().begin(1).end(3).max_new(5);
  EXPECT_THROW(all.join({{}, {}, options}), UsageError);
  EXPECT_THROW(all.join({{1, 40}, {}, options}), UsageError);
  EXPECT_THROW(all.join({Ids(210, 1), {}, options}), UsageError);
  EXPECT_THROW(all.join({Ids(150, 1), {}, options}), UsageError);
  auto beams = options;
  EXPECT_THROW(all.join({Ids(20, 1), {}, beams.beam_size(3)}), UsageError);
  EXPECT_THROW(all.join({{}, translation_of(1).source, options}), UsageError);
  all.join({Ids(20, 1), {}, options});
  EXPECT_EQ(all.waiting(), 1);
  Continuous of_sources(translator(true), {});
  EXPECT_THROW(of_sources.join({{1}, {}, options}), UsageError);
  auto wrong = translation_of(1);
  wrong.source.tokens[0][0] = 30;
  EXPECT_THROW(of_sources.join(wrong), UsageError);
}

}  // namespace
}  // namespace heed::models
