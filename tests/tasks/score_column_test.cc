#include "tasks/heads/score_column.h"

#include <gtest/gtest.h>

namespace heed {
namespace {

TEST(ScoreColumn, HasTenColumnsAndNoNaN) {
  EXPECT_EQ(score_column(0.5), "    0.5000");
  EXPECT_EQ(score_column(NAN), "         -");
  EXPECT_EQ(score_column(-NAN), "         -");
}

}  // namespace
}  // namespace heed
