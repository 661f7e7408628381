#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr double kLr = 1e-3;

TEST(Schedule, WarmsUpLinearlyToOne) {
  for (const auto kind : {ScheduleKind::constant, ScheduleKind::cosine, ScheduleKind::inverse_sqrt,
                          ScheduleKind::plateau}) {
    const ScheduleOptions options{.kind = kind, .warmup = 10};
    EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 0, 100), 0.1) << word_of(kind);
    EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 4, 100), 0.5) << word_of(kind);
    EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 9, 100), 1) << word_of(kind);
  }
}

TEST(Schedule, CosineFallsToMinLr) {
  const ScheduleOptions options{.kind = ScheduleKind::cosine, .warmup = 10, .min_lr = 1e-4};
  EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 10, 100), 1);
  EXPECT_NEAR(schedule_factor(options, kLr, 55, 100), 0.55, 1e-12);  // half way
  EXPECT_NEAR(schedule_factor(options, kLr, 100, 100), 0.1, 1e-12);
  double last = 2;
  for (int step = 10; step < 100; ++step) {
    const double now = schedule_factor(options, kLr, step, 100);
    EXPECT_LT(now, last);
    last = now;
  }
}

TEST(Schedule, TheLastStepOfACosineStillLearns) {
  const ScheduleOptions options{.kind = ScheduleKind::cosine};
  EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 0, 4), 1);
  EXPECT_NEAR(schedule_factor(options, kLr, 3, 4), (1 - std::sqrt(0.5)) / 2, 1e-12);
  EXPECT_NEAR(schedule_factor(options, kLr, 4, 4), 0, 1e-12);
}

TEST(Schedule, CosineOfAsManyStepsAsItsWarmUp) {
  const ScheduleOptions options{.kind = ScheduleKind::cosine, .warmup = 10};
  for (int step = 0; step < 10; ++step) {
    EXPECT_TRUE(std::isfinite(schedule_factor(options, kLr, step, 10)));
  }
}

TEST(Schedule, InverseRootFallsFromTheEndOfWarmUp) {
  const ScheduleOptions options{.kind = ScheduleKind::inverse_sqrt, .warmup = 100};
  EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 399, 1000), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(options, kLr, 9999, 1000), 0.1);
}

TEST(Schedule, RefusesAMinLrAboveLr) {
  TrainOptions options;
  options.schedule = {.kind = ScheduleKind::cosine, .min_lr = 2e-3};
  options.optimizer.lr = 1e-3;
  EXPECT_THROW(options.check(), ModelError);
  options.optimizer.lr = 2e-3;
  EXPECT_NO_THROW(options.check());
}

TEST(Patience, IsOverAfterThatManyInARow) {
  Patience patience;
  EXPECT_FALSE(patience.over(false, 2));
  EXPECT_FALSE(patience.over(true, 2));
  EXPECT_FALSE(patience.over(false, 2));
  EXPECT_TRUE(patience.over(false, 2));
  EXPECT_FALSE(patience.over(false, 2)) << "it counts anew";
}

}  // namespace
}  // namespace heed
