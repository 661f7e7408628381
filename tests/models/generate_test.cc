#include "heed/models/generate.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "models/choosing.h"
#include "models/generating.h"
#include "words.h"

namespace heed {
namespace {

TEST(Generate, GreedyTakesTheLikeliestToken) {
  const torch::NoGradGuard no_gradient;
  for (const auto& options :
       {tiny().norm(nn::Norm::pre), tiny().tied(nn::Tied::none).output_bias(true)}) {
    const auto model = model_of(options);
    const auto all = generate({model}, kLines, plain());
    ASSERT_EQ(all.size(), kLines.size());
    for (size_t i = 0; i < kLines.size(); ++i) {
      Ids want;
      double total = 0;
      bool ended = false;
      while (want.size() < 8 && !ended) {
        auto p = log_probabilities(*model, kLines[i], want);
        p[2] = -INFINITY;
        const auto token = p.argmax().item<int64_t>();
        total += p[token].item<double>();
        ended = token == 3;
        if (!ended) want.push_back(token);
      }
      ASSERT_EQ(all[i].size(), 1u);
      EXPECT_EQ(all[i][0].tokens, want) << i;
      EXPECT_EQ(all[i][0].ended, ended);
      EXPECT_NEAR(all[i][0].log_probability, total, 1e-4);
      EXPECT_EQ(all[i][0].log_probabilities.size(), want.size() + ended);
    }
  }
}

/// Every sequence of at most `limit` tokens among those of 5 but <s>.
void every(SequenceModel& model, const Ids& source, const Ids& before, double total, size_t limit,
           const GenerateOptions& options, std::vector<Hypothesis>& all) {
  if (before.size() == limit) {
    all.push_back({before, penalised(total, int64_t(limit), options), total, {}, {}, false});
    return;
  }
  const auto p = log_probabilities(model, source, before);
  for (const int64_t token : {0, 1, 3, 4}) {
    const double sum = total + p[token].item<double>();
    if (token == 3) {
      all.push_back(
          {before, penalised(sum, int64_t(before.size()) + 1, options), sum, {}, {}, true});
      continue;
    }
    auto longer = before;
    longer.push_back(token);
    every(model, source, longer, sum, limit, options, all);
  }
}

// Many tokens, few of them different, and some forbidden: of equal ones the first comes first.
TEST(Generate, TheLikeliestOfManyTokensAreThoseOfASort) {
  torch::manual_seed(5);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t choices : {1, 31, 32, 33, 64, 301, 1000}) {
      const auto values = torch::randint(-20, 20, {40, choices}, type);
      values.masked_fill_(torch::rand({40, choices}) < 0.3, models::kNever);
      models::NextTokens next(values);
      for (int64_t row = 0; row < 40; ++row)  // what is forbidden afterwards
        for (const int64_t choice : {row % choices, choices / 2}) next.forbid(row, choice);
      for (int64_t row = 0; row < 40; ++row)
        for (const int64_t count : {1, 2, 10}) {
          const auto [sorted, order] = values[row].sort(/*stable=*/true, 0, /*descending=*/true);
          const auto some = std::min(count, values[row].gt(models::kNever).sum().item<int64_t>());
          const auto found = models::likeliest(next, row, count);
          ASSERT_EQ(found.size(), static_cast<size_t>(some)) << choices;
          for (int64_t i = 0; i < some; ++i) {
            EXPECT_EQ(found[size_t(i)].choice, order[i].item<int64_t>()) << choices;
            EXPECT_EQ(found[size_t(i)].log_probability,
                      sorted[i].item<double>() - next.shift[size_t(row)]);
          }
        }
    }
}

TEST(Generate, ABeamThatIsWideEnoughFindsTheBestOfAll) {
  const torch::NoGradGuard no_gradient;
  const auto model = model_of(tiny().norm(nn::Norm::pre), at::kDouble, 5);
  for (const char* penalty : {"wu", "power"})
    for (const double alpha : {0.0, 0.6, 1.0}) {
      const auto options = GenerateOptions()
                               .max_length(4)
                               .beam_size(150)
                               .num_hypotheses(40)
                               .length_penalty_type(test::Word{penalty})
                               .length_penalty(alpha)
                               .early_stop(false);
      for (const auto& source : {kLines[0], kLines[2]}) {
        std::vector<Hypothesis> want;
        every(*model, source, {}, 0, 4, options, want);
        std::stable_sort(want.begin(), want.end(), [](const auto& a, const auto& b) {
          return a.ended != b.ended ? a.ended : a.score > b.score;
        });
        const auto got = generate({model}, {source}, options)[0];
        ASSERT_EQ(got.size(), 40u);
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_EQ(got[i].tokens, want[i].tokens);
          EXPECT_NEAR(got[i].score, want[i].score, 1e-9);
          EXPECT_TRUE(got[i].ended);
        }
      }
    }
}

TEST(Generate, LengthPenaltiesAreThoseOfTheirFormulas) {
  GenerateOptions options;
  EXPECT_EQ(penalised(-3, 7, options), -3);
  EXPECT_NEAR(penalised(-3, 7, options.length_penalty(0.6)), -3 / std::pow(2.0, 0.6), 1e-12);
  EXPECT_NEAR(penalised(-3, 1, options), -3, 1e-12);
  EXPECT_NEAR(
      penalised(-3, 4, options.length_penalty_type(LengthPenaltyType::power).length_penalty(1)),
      -0.75, 1e-12);
  EXPECT_NEAR(penalised(-3, 4, options.length_penalty(0.5)), -1.5, 1e-12);
}

TEST(Generate, TheBestHypothesesAreSortedAndDiffer) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  for (const bool early : {true, false})
    for (const auto& line :
         generate({model}, kLines,
                  plain().beam_size(5).num_hypotheses(4).length_penalty(0.6).early_stop(early))) {
      ASSERT_EQ(line.size(), 4u);
      for (size_t i = 1; i < line.size(); ++i) {
        EXPECT_TRUE(line[i - 1].ended > line[i].ended ||
                    (line[i - 1].ended == line[i].ended && line[i - 1].score >= line[i].score));
        EXPECT_TRUE(line[i - 1].tokens != line[i].tokens || line[i - 1].ended != line[i].ended);
      }
    }
}

// The same bits alone, in batches of any size, and beside other prefixes.
TEST(Generate, ALineDoesNotDependOnItsBatch) {
  for (const auto& form :
       {tiny().norm(nn::Norm::pre), tiny().cross_attention(Attention::parse("rope; num_heads=2"))})
    for (auto options : ways()) {
      const auto model = model_of(form);
      Ids lengths;
      for (const bool forced : {false, true}) {
        if (forced) options.prefixes({{4}, {}, {5, 6, 7, 8}, {1, 1}, {}});
        const auto all = generate({model}, kLines, options.batch(5));
        for (const int64_t size : {1, 3})
          expect_same(generate({model}, kLines, options.batch(size)), all);
        if (options.sample()) continue;  // a line draws by its number
        for (size_t i = 0; i < kLines.size(); ++i) {
          auto one = options;
          if (forced) one.prefixes({options.prefixes()[i]});
          expect_same(generate({model}, {kLines[i]}, one), {all[i]});
        }
        auto turned = kLines;
        std::reverse(turned.begin(), turned.end());
        auto other = options;
        auto prefixes = options.prefixes();
        std::reverse(prefixes.begin(), prefixes.end());
        auto back = generate({model}, turned, other.prefixes(prefixes));
        std::reverse(back.begin(), back.end());
        expect_same(back, all);
      }
    }
}

/// Attentions that LibTorch's operators compute, wholly or before the kernels.
const std::vector<const char*> kFormulas = {"general",
                                            "transformer_xl",
                                            "talking",
                                            "geometric",
                                            "feed_forward(activation=gelu)",
                                            "feed_forward(layers=2)"};

TEST(Generate, NeitherBatchNorThreadsChangeWhatAFormulaSays) {
  const int before = num_threads();
  for (const std::string how : kFormulas) {
    const bool has_position = how == "transformer_xl";
    const std::string heads = "; num_heads=4/2",
                      text = how + (has_position ? "" : "; sinusoidal") + heads;
    const auto options =
        tiny()
            .norm(nn::Norm::pre)
            .width(24)
            .encoder_attention(Attention::parse(text))
            .decoder_attention(Attention::parse(text + "; causal"))
            .cross_attention(Attention::parse(has_position ? "num_heads=4/2" : how + heads));
    const auto model = model_of(options);
    const std::vector<Ids> target = {
        {4, 5}, {}, {7, 7, 7, 1, 4, 5, 6, 8, 8, 1, 0, 4, 5, 6, 7, 8, 7, 6}, {8}, {0, 1}};
    const auto beams = plain().beam_size(4).num_hypotheses(3).length_penalty(0.6);
    set_num_threads(1);
    const auto scores = score({model}, kLines, target, GenerateOptions());
    const auto said = generate({model}, kLines, beams);
    for (const int threads : {1, 2}) {
      set_num_threads(threads);
      EXPECT_EQ(score({model}, kLines, target, GenerateOptions()), scores) << how;
      expect_same(generate({model}, kLines, beams), said);
      for (size_t i = 0; i < kLines.size(); ++i) {
        EXPECT_EQ(score({model}, {kLines[i]}, {target[i]}, GenerateOptions())[0], scores[i])
            << how << " line " << i;
        expect_same(generate({model}, {kLines[i]}, beams), {said[i]});
      }
    }
  }
  set_num_threads(before);
}

TEST(Generate, PrefixesAreForced) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  const std::vector<Ids> prefixes = {{4, 4}, {}, {5}, {8, 7, 6, 5}, {1}};
  for (auto options : ways()) {
    const auto all = generate({model}, kLines, options.prefixes(prefixes));
    for (size_t i = 0; i < all.size(); ++i)
      for (const auto& h : all[i]) {
        ASSERT_GE(h.tokens.size(), prefixes[i].size());
        EXPECT_TRUE(std::equal(prefixes[i].begin(), prefixes[i].end(), h.tokens.begin()));
      }
  }
  // What greedy search says by itself goes on from any part of it.
  const auto alone = generate({model}, kLines, plain());
  std::vector<Ids> parts;
  for (size_t i = 0; i < kLines.size(); ++i)
    parts.emplace_back(
        alone[i][0].tokens.begin(),
        alone[i][0].tokens.begin() + int64_t(std::min(i, alone[i][0].tokens.size())));
  const auto on = generate({model}, kLines, plain().prefixes(parts));
  for (size_t i = 0; i < kLines.size(); ++i) {
    EXPECT_EQ(on[i][0].tokens, alone[i][0].tokens);
    EXPECT_EQ(on[i][0].log_probabilities, alone[i][0].log_probabilities);
    double free = 0;
    for (size_t t = parts[i].size(); t < on[i][0].log_probabilities.size(); ++t)
      free += on[i][0].log_probabilities[t];
    EXPECT_NEAR(on[i][0].score, free, 1e-9);
  }
}

TEST(Generate, AWriterGoesOnFromLongTexts) {
  const auto model = model_of(tiny_writer("rope; causal; num_heads=2"));
  torch::manual_seed(4);
  std::vector<Ids> texts;
  for (const int64_t length : {0, 1, 63, 64, 65, 140}) {
    const auto ids = torch::randint(4, 9, {length}, at::kLong);
    texts.emplace_back(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + length);
  }
  const auto options = GenerateOptions().max_length(150).prefixes(texts);
  const auto all = generate({model}, {}, options);
  for (size_t i = 0; i < texts.size(); ++i)
    expect_same(generate({model}, {}, GenerateOptions(options).prefixes({texts[i]})), {all[i]});
  const auto scores = score({model}, {}, {all[5][0].tokens}, options);
  for (size_t t = 0; t < all[5][0].log_probabilities.size(); ++t)
    EXPECT_EQ(scores[0][t], all[5][0].log_probabilities[t]) << t;
}

TEST(Generate, ScoresGivenTranslations) {
  const torch::NoGradGuard no_gradient;
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  const std::vector<Ids> target = {{4, 5}, {}, {7, 7, 7, 1}, {8}, {0, 1}};
  const auto all = score({model}, kLines, target, GenerateOptions());
  for (size_t i = 0; i < target.size(); ++i) {
    ASSERT_EQ(all[i].size(), target[i].size() + 1);
    for (size_t t = 0; t <= target[i].size(); ++t) {
      const auto p = log_probabilities(*model, kLines[i],
                                       Ids(target[i].begin(), target[i].begin() + int64_t(t)));
      EXPECT_NEAR(all[i][t], p[t < target[i].size() ? target[i][t] : 3].item<double>(), 1e-5);
    }
    EXPECT_EQ(score({model}, {kLines[i]}, {target[i]}, GenerateOptions())[0], all[i]);
  }
  const auto said = generate({model}, kLines, plain().beam_size(3));
  std::vector<Ids> tokens;
  for (const auto& line : said) tokens.push_back(line[0].tokens);
  const auto again = score({model}, kLines, tokens, GenerateOptions());
  for (size_t i = 0; i < said.size(); ++i)
    for (size_t t = 0; t < said[i][0].log_probabilities.size(); ++t)
      EXPECT_EQ(again[i][t], said[i][0].log_probabilities[t]);
  EXPECT_EQ(score({model}, kLines, target, GenerateOptions().end(-1))[0].size(), 2u);
}

TEST(Generate, AnEnsembleIsTheMeanOfProbabilities) {
  const torch::NoGradGuard no_gradient;
  const auto a = model_of(tiny().norm(nn::Norm::pre)), b = model_of(tiny().tied(nn::Tied::none));
  for (const auto& options : ways()) {
    expect_same(generate({a, a}, kLines, options), generate({a}, kLines, options));
    expect_same(generate({a, a, a}, kLines, options), generate({a}, kLines, options));
  }
  const std::vector<Ids> target = {{4, 5, 6}};
  const auto one = score({a}, {kLines[0]}, target, plain())[0];
  const auto other = score({b}, {kLines[0]}, target, plain())[0];
  const auto both = score({a, b}, {kLines[0]}, target, plain())[0];
  for (size_t t = 0; t < both.size(); ++t)
    EXPECT_NEAR(both[t], std::log((std::exp(one[t]) + std::exp(other[t])) / 2), 1e-9);
}

}  // namespace
}  // namespace heed
