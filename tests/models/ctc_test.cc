// CTC beside all paths, one by one, in float64.
#include "heed/models/ctc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <map>

#include "heed/core/error.h"

namespace heed {
namespace {

using Text = std::vector<int64_t>;
constexpr double kCtcNear = 1e-9;
constexpr double kNever = -std::numeric_limits<double>::infinity();

at::Tensor drawn_log_p(int64_t frames, int64_t tokens, uint64_t seed) {
  torch::manual_seed(seed);
  return (1.5 * torch::randn({frames, tokens}, at::kDouble)).log_softmax(1);
}

/// p of every text, and the likeliest path of each.
struct AllPaths {
  std::map<Text, double> p, best;
  std::map<Text, Text> best_path;

  AllPaths(const at::Tensor& log_p, int64_t blank) {
    const int64_t T = log_p.size(0), V = log_p.size(1);
    for (int64_t number = 0; number < int64_t(std::pow(V, T) + 0.5); ++number) {
      Text path;
      double sum = 0;
      for (int64_t t = 0, rest = number; t < T; ++t, rest /= V) {
        path.push_back(rest % V);
        sum += log_p[t][rest % V].item<double>();
      }
      Text text;
      for (size_t t = 0; t < path.size(); ++t)
        if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) text.push_back(path[t]);
      p[text] += std::exp(sum);
      if (!best.contains(text) || sum > best[text]) best[text] = sum, best_path[text] = path;
    }
  }
};

TEST(Ctc, AgreesWithAllPaths) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const int64_t blank = seed % 2 == 0 ? 0 : 2;
    const auto log_p = drawn_log_p(5, 3, seed);
    const AllPaths all(log_p, blank);
    double total = 0;
    for (const auto& [text, p] : all.p) {
      EXPECT_LE(ctc_frames(text), 5);
      EXPECT_NEAR(ctc_log_probability(log_p, text, blank), std::log(p), kCtcNear);
      total += p;
      const auto spans = ctc_alignment(log_p, text, blank);
      double path = 0;
      const auto& best = all.best_path.at(text);
      for (size_t i = 0; i < text.size(); ++i)
        for (int64_t t = spans[i].begin; t < spans[i].end; ++t) EXPECT_EQ(best[size_t(t)], text[i]);
      for (int64_t t = 0; t < 5; ++t) {
        bool inside = false;
        for (const auto& span : spans) inside = inside || (span.begin <= t && t < span.end);
        EXPECT_TRUE(inside || best[size_t(t)] == blank);
        path += log_p[t][best[size_t(t)]].item<double>();
      }
      EXPECT_NEAR(path, all.best.at(text), kCtcNear);
    }
    EXPECT_NEAR(total, 1, kCtcNear);
    EXPECT_EQ(ctc_log_probability(log_p, {1, 1, 1, 1}, blank), kNever);
  }
}

TEST(Ctc, SearchFindsTheLikeliestTextAndGreedyTheLikeliestPath) {
  int64_t differ = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto log_p = drawn_log_p(5, 3, seed);
    const AllPaths all(log_p, 0);
    Text likeliest, of_best_path;
    for (const auto& [text, p] : all.p) {
      if (p > all.p.at(likeliest)) likeliest = text;
      if (all.best.at(text) > all.best.at(of_best_path)) of_best_path = text;
    }
    EXPECT_EQ(ctc_greedy(log_p, 0), of_best_path) << seed;
    const auto found = ctc_search(log_p, {.blank = 0, .beam_size = 1000});
    ASSERT_EQ(found.size(), all.p.size());
    EXPECT_EQ(found[0].tokens, likeliest) << seed;
    for (const auto& text : found)
      EXPECT_NEAR(text.score, std::log(all.p.at(text.tokens)), kCtcNear);
    differ += likeliest != of_best_path;
  }
  EXPECT_GT(differ, 0);  // otherwise nothing tells the two apart
}

/// p of a token depends on the one before; a token may be forbidden behind another.
class Bigrams : public CtcLanguage {
 public:
  State begin() const override { return {{0}, ""}; }
  double added(const State& state, int64_t token) const override {
    if (state.context[0] == 2 && token == 1) return kNever;
    return std::log(0.1 + 0.3 * double((state.context[0] + 2 * token) % 3));
  }
  State after(const State&, int64_t token) const override { return {{int32_t(token)}, ""}; }
  double at_end(const State& state) const override { return state.context[0] == 1 ? -0.2 : -1.5; }
};

TEST(Ctc, SearchListensToALanguage) {
  const Bigrams language;
  int64_t moved = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto log_p = drawn_log_p(5, 3, seed);
    const AllPaths all(log_p, 0);
    const auto score = [&](const Text& text) {
      double sum = std::log(all.p.at(text));
      auto state = language.begin();
      for (const int64_t token : text) {
        sum += language.added(state, token);
        state = language.after(state, token);
      }
      return sum + language.at_end(state);
    };
    Text best;
    for (const auto& [text, p] : all.p)
      if (score(text) > score(best)) best = text;
    const auto found = ctc_search(log_p, {.beam_size = 1000, .language = &language});
    EXPECT_EQ(found[0].tokens, best) << seed;
    EXPECT_NEAR(found[0].score, score(best), kCtcNear);
    for (const auto& text : found) EXPECT_NEAR(text.score, score(text.tokens), kCtcNear);
    moved += best != ctc_search(log_p, {.beam_size = 1000})[0].tokens;
    // A narrow beam's sums are of paths that it kept, so of no more than there are.
    for (const auto& text : ctc_search(log_p, {.beam_size = 3, .language = &language}))
      EXPECT_LE(text.score, score(text.tokens) + kCtcNear);
  }
  EXPECT_GT(moved, 0);
}

TEST(Ctc, EdgesAndWhatIsRefused) {
  const auto log_p = drawn_log_p(3, 3, 1);
  EXPECT_EQ(ctc_frames({}), 0);
  EXPECT_EQ(ctc_frames({4, 4, 5, 4}), 5);
  const auto none = torch::zeros({0, 3}, at::kDouble);
  EXPECT_EQ(ctc_log_probability(none, {}, 0), 0);
  EXPECT_TRUE(ctc_search(none, {}).front().tokens.empty());
  EXPECT_TRUE(ctc_alignment(log_p, {}, 0).empty());
  EXPECT_NEAR(ctc_log_probability(log_p, {}, 0), log_p.select(1, 0).sum().item<double>(), kCtcNear);
  EXPECT_THROW(ctc_alignment(log_p, {1, 1, 2}, 0), UsageError);
  EXPECT_THROW(ctc_search(log_p, {.beam_size = 0}), UsageError);
  EXPECT_THROW(ctc_search(log_p, {.blank = 3}), UsageError);
  EXPECT_THROW(ctc_greedy(log_p[0], 0), UsageError);
}

}  // namespace
}  // namespace heed
