#include "heed/models/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "models/choosing.h"
#include "models/sequences.h"
#include "words.h"

namespace heed {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int64_t>;

SequenceModelPtr model_of(const TransformerOptions& options, at::ScalarType type = at::kFloat,
                          int64_t target = kTargetTokens) {
  return make(options, type, target).ptr();
}

/// log p of every token behind `tokens`, by the whole forward pass in float64.
at::Tensor log_probabilities(SequenceModel& model, const Ids& source, const Ids& tokens) {
  auto ids = tokens;
  ids.insert(ids.begin(), 2);
  const auto batch = model.has_encoder() ? sources({source}) : SourceBatch();
  const auto hidden = model.hidden(batch, torch::tensor(ids, at::kLong).unsqueeze(0));
  const auto logits = model.project(hidden)[0][-1].to(at::kDouble);
  return logits.log_softmax(0);
}

GenerateOptions plain() { return GenerateOptions().max_length(8); }

void expect_same(const std::vector<std::vector<Hypothesis>>& a,
                 const std::vector<std::vector<Hypothesis>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size()) << i;
    for (size_t n = 0; n < a[i].size(); ++n) {
      EXPECT_EQ(a[i][n].tokens, b[i][n].tokens) << i;
      EXPECT_EQ(a[i][n].score, b[i][n].score) << i;
      EXPECT_EQ(a[i][n].log_probabilities, b[i][n].log_probabilities) << i;
      EXPECT_EQ(a[i][n].ended, b[i][n].ended) << i;
    }
  }
}

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

std::vector<GenerateOptions> ways() {
  return {plain(), plain().beam_size(4).num_hypotheses(3).length_penalty(0.6),
          plain().beam_size(3).early_stop(false).no_repeat_ngram(2).repetition_penalty(1.2),
          plain().sample(true).num_hypotheses(3).seed(5),
          plain().sample(true).top_k(4).top_p(0.8).temperature(1.5)};
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

TEST(Generate, AShortlistLeavesOnlyItsTokens) {
  const torch::NoGradGuard no_gradient;
  const auto model = model_of(tiny().norm(nn::Norm::pre).tied(nn::Tied::none).output_bias(true));
  Ids all_tokens(kTargetTokens);
  for (int64_t i = 0; i < kTargetTokens; ++i) all_tokens[size_t(i)] = i;
  for (auto options : ways()) {
    expect_same(generate({model}, kLines, GenerateOptions(options).shortlist(all_tokens)),
                generate({model}, kLines, options));
    for (const auto& line : generate({model}, kLines, options.shortlist({8, 3, 5, 0})))
      for (const auto& h : line)
        for (const int64_t token : h.tokens) EXPECT_TRUE(token == 0 || token == 5 || token == 8);
  }
  const auto first =
      generate({model}, {kLines[0]}, plain().shortlist({5, 3, 8}).max_length(1))[0][0];
  const auto p = log_probabilities(*model, kLines[0], {});
  const double among = std::log(std::exp(p[3].item<double>()) + std::exp(p[5].item<double>()) +
                                std::exp(p[8].item<double>()));
  const int64_t token = first.tokens.empty() ? 3 : first.tokens[0];
  EXPECT_NEAR(first.log_probability, p[token].item<double>() - among, 1e-5);
  const auto forced =
      generate({model}, {kLines[0]}, plain().shortlist({3, 5}).prefixes({{7}}))[0][0];
  EXPECT_EQ(forced.tokens[0], 7);
  EXPECT_EQ(forced.log_probabilities[0], 0);
}

TEST(Generate, WhatIsForbiddenDoesNotCome) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  for (const auto& options : ways()) {
    for (const auto& line : generate({model}, kLines, GenerateOptions(options).no_repeat_ngram(2)))
      for (const auto& h : line) {
        std::map<std::pair<int64_t, int64_t>, int> seen;
        for (size_t i = 0; i + 1 < h.tokens.size(); ++i)
          EXPECT_EQ(++seen[std::make_pair(h.tokens[i], h.tokens[i + 1])], 1);
      }
    for (const auto& line :
         generate({model}, kLines,
                  GenerateOptions(options).suppressed({0, 4}).suppressed_sequences({{5}, {7, 8}})))
      for (const auto& h : line)
        for (size_t i = 0; i < h.tokens.size(); ++i) {
          EXPECT_TRUE(h.tokens[i] != 0 && h.tokens[i] != 4 && h.tokens[i] != 5);
          EXPECT_FALSE(i > 0 && h.tokens[i - 1] == 7 && h.tokens[i] == 8);
        }
    for (const auto& line :
         generate({model}, kLines,
                  GenerateOptions(options).no_repeat_ngram(1).min_length(20).max_length(30)))
      for (const auto& h : line) EXPECT_LE(h.tokens.size(), 8u);  // then nothing is possible
  }
}

TEST(Generate, LengthsStayInTheirBounds) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  for (const auto& options : ways())
    for (const auto& line :
         generate({model}, kLines,
                  GenerateOptions(options).no_repeat_ngram(0).min_length(5).max_length(7)))
      for (const auto& h : line) {
        EXPECT_GE(h.tokens.size(), 5u);
        EXPECT_LE(h.tokens.size(), 7u);
        EXPECT_TRUE(h.ended || h.tokens.size() == 7);
      }
  const auto all = generate({model}, kLines, plain().max_length(100).min_ratio(2).max_ratio(3));
  for (size_t i = 0; i < kLines.size(); ++i) {
    EXPECT_GE(all[i][0].tokens.size(), 2 * kLines[i].size()) << i;
    EXPECT_LE(all[i][0].tokens.size(), std::max<size_t>(1, 3 * kLines[i].size())) << i;
  }
  const auto writer = model_of(tiny_writer());
  const auto to_end = generate({writer}, {}, GenerateOptions().end(-1).prefixes({{4}, {}}));
  for (const auto& line : to_end) EXPECT_EQ(line[0].tokens.size(), 40u);
  EXPECT_FALSE(to_end[0][0].ended);
  EXPECT_THAT(error_of([&] { generate({writer}, {}, plain().prefixes({Ids(40, 4)})); }),
              HasSubstr("prefixes: expected less than 40"));
}

TEST(Generate, DrawsFollowTheProbabilities) {
  const torch::NoGradGuard no_gradient;
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  const auto options = GenerateOptions().max_length(1).sample(true).num_hypotheses(4000).seed(9);
  const auto count = [&](const GenerateOptions& how) {
    std::vector<double> share(kTargetTokens, 0);
    const auto drawn = generate({model}, {kLines[0]}, how);
    for (const auto& h : drawn[0]) share[size_t(h.tokens.empty() ? 3 : h.tokens[0])] += 1.0 / 4000;
    return share;
  };
  auto p = log_probabilities(*model, kLines[0], {});
  p[2] = -INFINITY;
  const auto near = [](const std::vector<double>& share, const at::Tensor& want) {
    for (int64_t i = 0; i < kTargetTokens; ++i)
      EXPECT_NEAR(share[size_t(i)], want[i].item<double>(), 0.03) << i;
  };
  near(count(options), p.softmax(0));
  near(count(GenerateOptions(options).temperature(2.5)), (p / 2.5).softmax(0));
  const auto [values, order] = p.sort(0, true);
  const auto first_three = p.clone().index_fill_(0, order.narrow(0, 3, 6), -INFINITY);
  near(count(GenerateOptions(options).top_k(3)), first_three.softmax(0));
  const double two = values.softmax(0).narrow(0, 0, 2).sum().item<double>();
  const auto first_two = p.clone().index_fill_(0, order.narrow(0, 2, 7), -INFINITY);
  near(count(GenerateOptions(options).top_p(two - 1e-6)), first_two.softmax(0));
  const auto greedy = generate({model}, kLines, plain());
  expect_same(generate({model}, kLines, plain().sample(true).top_k(1)), greedy);
  expect_same(generate({model}, kLines, plain().sample(true).top_p(1e-9)), greedy);
  expect_same(generate({model}, kLines, plain().sample(true).temperature(1e-3)), greedy);
}

TEST(Generate, TellsTokensAsTheyComeAndWhen) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  for (auto options : ways()) {
    std::vector<Ids> told(kLines.size());
    const auto all =
        generate({model}, kLines, options.times(true).on_token([&](int64_t line, int64_t token) {
          told[size_t(line)].push_back(token);
        }));
    for (size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(told[i], all[i][0].tokens);
      const auto& seconds = all[i][0].seconds;
      EXPECT_EQ(seconds.size(), all[i][0].log_probabilities.size());
      EXPECT_TRUE(std::is_sorted(seconds.begin(), seconds.end()));
    }
  }
}

TEST(Generate, RefusesWhatDoesNotFit) {
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  const auto of = [&](const GenerateOptions& options) {
    return error_of([&] { generate({model}, kLines, options); });
  };
  EXPECT_THAT(of(plain().beam_size(0)), HasSubstr("beam_size"));
  EXPECT_THAT(of(plain().num_hypotheses(2)), HasSubstr("num_hypotheses"));
  EXPECT_THAT(of(plain().beam_size(2).sample(true)), HasSubstr("beam_size"));
  EXPECT_THAT(of(plain().top_p(0)), HasSubstr("top_p"));
  EXPECT_THAT(of(plain().begin(9)), HasSubstr("begin"));
  EXPECT_THAT(of(plain().shortlist({1, 2})), HasSubstr("end token 3"));
  EXPECT_THAT(of(plain().prefixes({{1}})), HasSubstr("prefixes: expected none or 5"));
  EXPECT_THAT(error_of([&] { generate({}, kLines, plain()); }), HasSubstr("at least one"));
  const auto other = model_of(tiny(), at::kFloat, 7);
  EXPECT_THAT(error_of([&] {
                generate({model, other}, kLines, plain());
              }),
              HasSubstr("vocabularies"));
  const auto learning = model_of(tiny());
  learning->train();
  EXPECT_THAT(error_of([&] { generate({learning}, kLines, plain()); }), HasSubstr("eval"));
  EXPECT_TRUE(generate({model}, {}, plain()).empty());
}

TEST(Generate, SaysWhereLogitsAreNotFinite) {
  const torch::NoGradGuard no_gradient;
  const auto model = model_of(tiny().norm(nn::Norm::pre));
  model->named_parameters()["target_embedding"][7][3] = NAN;
  const auto message = error_of([&] { generate({model}, kLines, plain()); });
  EXPECT_THAT(message, HasSubstr("NaN or infinite logits for line"));
  EXPECT_THAT(message, HasSubstr("token 1"));
}

}  // namespace
}  // namespace heed
