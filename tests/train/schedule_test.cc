#include "train/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace heed {
namespace {

TEST(Schedule, WarmsUpLinearlyToOne) {
  for (const char* kind : {"constant", "cosine", "inverse_sqrt", "plateau"}) {
    const ScheduleOptions options{.kind = kind, .warmup = 10};
    EXPECT_DOUBLE_EQ(schedule_factor(options, 0, 100), 0.1) << kind;
    EXPECT_DOUBLE_EQ(schedule_factor(options, 4, 100), 0.5) << kind;
    EXPECT_DOUBLE_EQ(schedule_factor(options, 9, 100), 1) << kind;
  }
}

TEST(Schedule, CosineEndsAtItsFloor) {
  const ScheduleOptions options{.kind = "cosine", .warmup = 10, .floor = 0.1};
  EXPECT_NEAR(schedule_factor(options, 54, 100), 0.55, 1e-12);  // half way
  EXPECT_NEAR(schedule_factor(options, 99, 100), 0.1, 1e-12);
  double last = 2;
  for (int step = 9; step < 100; ++step) {
    const double now = schedule_factor(options, step, 100);
    EXPECT_LT(now, last);
    last = now;
  }
}

TEST(Schedule, CosineOfAsManyStepsAsItsWarmUp) {
  const ScheduleOptions options{.kind = "cosine", .warmup = 10};
  for (int step = 0; step < 10; ++step) {
    EXPECT_TRUE(std::isfinite(schedule_factor(options, step, 10)));
  }
}

TEST(Schedule, InverseRootFallsFromTheEndOfWarmUp) {
  const ScheduleOptions options{.kind = "inverse_sqrt", .warmup = 100};
  EXPECT_DOUBLE_EQ(schedule_factor(options, 399, 1000), 0.5);
  EXPECT_DOUBLE_EQ(schedule_factor(options, 9999, 1000), 0.1);
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
