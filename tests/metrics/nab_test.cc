// Figures of NAB's own sweeper (numenta/NAB at ea702d7) on series drawn here and there by the same
// formula. On the scores in NAB's results/, its published standard results come out: numenta
// 70.101056, windowedGaussian 39.649523, skyline 35.687043, null 0. Of numenta with
// reward_low_FP_rate 63.209185 comes out, as from that sweeper (published: 63.116842, of an older
// optimizer). bench/peers/metrics.py compares them.
#include "heed/metrics/nab.h"

#include <gtest/gtest.h>

#include <limits>

#include "heed/core/error.h"
#include "metrics/draw.h"

namespace heed {
namespace {

constexpr double kNearNab = 1e-9;

using Windows = std::vector<std::pair<int64_t, int64_t>>;

std::vector<NabSeries> drawn_series() {
  test::Draw draw(99);
  std::vector<NabSeries> all;
  const std::pair<int64_t, Windows> kinds[] = {{200, {{40, 60}, {100, 119}}},
                                               {6000, {{800, 900}, {3000, 3400}, {3401, 3405}}},
                                               {100, {}},
                                               {300, {{20, 60}, {250, 299}}}};
  for (const auto& [rows, windows] : kinds) {
    auto& series = all.emplace_back();
    series.windows = windows;
    for (int64_t i = 0; i < rows; ++i) {
      bool inside = false;
      for (const auto& [first, last] : windows) inside |= first <= i && i <= last;
      series.scores.push_back(std::floor((draw.unit() * 0.8 + (inside ? 0.15 : 0)) * 200) / 200);
    }
  }
  return all;
}

TEST(Nab, AgreesWithItsSweeper) {
  const auto series = drawn_series();
  for (const auto& [name, score] : {std::pair{"standard", 94.25090768774251},
                                    {"reward_low_FP_rate", 94.25090768774251},
                                    {"reward_low_FN_rate", 96.16727179182834}}) {
    const auto best = nab_score(series, nab_profile(name));
    EXPECT_NEAR(best.score, score, kNearNab) << name;
    EXPECT_EQ(best.threshold, 0.825) << name;
    EXPECT_EQ(best.true_positives, 108) << name;
    EXPECT_EQ(best.false_positives, 0) << name;
    EXPECT_EQ(best.false_negatives, 506) << name;
    EXPECT_NEAR(nab_score_at(series, 0.825, nab_profile(name)).score, score, kNearNab);
  }
  const auto standard = nab_score_at(series, 0.5);
  EXPECT_NEAR(standard.raw, -198.81221804139687, kNearNab);
  EXPECT_EQ(standard.true_positives, 347);
  EXPECT_EQ(standard.false_positives, 1885);
  EXPECT_EQ(standard.false_negatives, 267);
  EXPECT_NEAR(nab_score_at(series, 0.9).raw, 4.395485192381483, kNearNab);
  EXPECT_NEAR(nab_score_at(series, 0.5, nab_profile("reward_low_FP_rate")).raw, -404.3857864038514,
              kNearNab);
  EXPECT_NEAR(nab_score_at(series, 0.9, nab_profile("reward_low_FN_rate")).raw, 3.395485192381483,
              kNearNab);
}

TEST(Nab, OnlyTheOrderOfScoresMatters) {
  auto series = drawn_series();
  double least = 0, most = 0;
  for (auto& one : series)
    for (auto& score : one.scores) {
      score = 1.2 * score - 0.1;
      least = std::min(least, score), most = std::max(most, score);
    }
  EXPECT_LT(least, 0) << "NAB's own detectors leave 0 .. 1";
  EXPECT_GT(most, 1);
  EXPECT_NEAR(nab_score(series).score, 94.25090768774251, kNearNab);
}

TEST(Nab, NullAndPerfect) {
  NabSeries series{std::vector<double>(100, 0.5), {{50, 59}}};
  EXPECT_EQ(nab_score_at({&series, 1}, 1.1).score, 0);
  EXPECT_EQ(nab_score({&series, 1}).score, 0) << "constant scores: better to say nothing";
  series.scores[50] = 1;
  EXPECT_DOUBLE_EQ(nab_score({&series, 1}).score, 100);
  series.scores[50] = 0.5, series.scores[59] = 1;
  const auto late = nab_score({&series, 1}).score;
  EXPECT_GT(late, 50);
  EXPECT_LT(late, 75);
  series.scores[5] = 1;  // in the first 15 %, which do not count
  EXPECT_EQ(nab_score({&series, 1}).score, late);
}

TEST(Nab, WindowsOfOneRow) {
  NabSeries series{std::vector<double>(100, 0), {{50, 50}}};
  series.scores[50] = 1, series.scores[51] = 1;
  EXPECT_NEAR(nab_score({&series, 1}).raw, 1 - 0.11, 1e-12);
}

TEST(Nab, RefusesWhatMakesNoSense) {
  EXPECT_THROW(nab_profile("standart"), UsageError);
  EXPECT_THROW(nab_score({}), UsageError);
  const auto fails = [](const NabSeries& series) {
    EXPECT_THROW(nab_score({&series, 1}), UsageError);
  };
  fails({{}, {}});
  fails({{0.5, 0.5}, {}});
  fails({{0.5, kNabNothing}, {{0, 0}}});
  fails({{0.5, -std::numeric_limits<double>::infinity()}, {{0, 0}}});
  fails({{0.5, std::numeric_limits<double>::quiet_NaN()}, {{0, 0}}});
  fails({{0.5, 0.5}, {{0, 2}}});
  fails({{0.5, 0.5}, {{1, 0}}});
  fails({{0.5, 0.5}, {{0, 1}, {1, 1}}});
}

}  // namespace
}  // namespace heed
