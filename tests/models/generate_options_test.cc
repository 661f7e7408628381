#include "heed/models/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "heed/core/error.h"
#include "models/generating.h"

namespace heed {
namespace {

using testing::HasSubstr;

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

// A text at which writing stops counts as an end token does, also among beams.
TEST(Generate, StopsAsAtAnEndToken) {
  for (const int64_t vocabulary : {5, 6, 7, 8})
    for (const bool early : {true, false})
      for (const int64_t beams : {1, 2, 4}) {
        const auto model = model_of(tiny().norm(nn::Norm::pre), at::kFloat, vocabulary);
        const auto with_end = plain().beam_size(beams).num_hypotheses(beams).early_stop(early);
        auto with_stop = with_end;
        with_stop.end(-1).suppressed({with_end.begin()});
        with_stop.stops([](std::span<const int64_t> tokens) { return tokens.back() == 3; });
        auto stopped = generate({model}, kLines, with_stop);
        for (auto& line : stopped)
          for (auto& one : line)
            if (one.ended) one.tokens.pop_back();
        expect_same(stopped, generate({model}, kLines, with_end));
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
  EXPECT_THAT(of(plain().stop({"end", ""})), HasSubstr("stop: expected texts"));
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
