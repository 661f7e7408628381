#include "heed/metrics/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using ::testing::ElementsAre;
using Ranks = std::vector<int64_t>;
using Scores = std::vector<float>;

TEST(Ranking, CountsWhatIsNotSmaller) {
  EXPECT_EQ(rank_of(Scores{0.1F, 0.9F, 0.5F}, 1), 1);
  EXPECT_EQ(rank_of(Scores{0.1F, 0.9F, 0.5F}, 0), 3);
  EXPECT_EQ(rank_of(Scores{1, 1, 1, 0}, 0), 3) << "the last of its equals";
  EXPECT_EQ(rank_of(Scores{NAN, 1, 0}, 1), 2) << "NaN stands before";
  EXPECT_EQ(rank_of(Scores{NAN, 1, 0}, 0), 3) << "a target that is NaN stands last";
  EXPECT_EQ(rank_of(Scores{-INFINITY, 1}, 1), 1);
  EXPECT_THAT(ranks_of(Scores{3, 2, 1, 3, 2, 1}, Ranks{0, 2}), ElementsAre(1, 3));
  EXPECT_THROW(rank_of(Scores{1}, 1), UsageError);
  EXPECT_THROW(rank_of(Scores{1}, -1), UsageError);
  EXPECT_THROW(ranks_of(Scores{1, 2, 3}, Ranks{0, 0}), UsageError);
  EXPECT_THROW(ranks_of(Scores{}, Ranks{}), UsageError);
}

TEST(Ranking, MeansByHand) {
  const Ranks ranks = {1, 3, 11};
  EXPECT_DOUBLE_EQ(hit_rate(ranks, 10), 2.0 / 3);
  EXPECT_DOUBLE_EQ(hit_rate(ranks, 11), 1);
  EXPECT_DOUBLE_EQ(ndcg(ranks, 10), (1 + 0.5) / 3);
  EXPECT_DOUBLE_EQ(mean_reciprocal_rank(ranks), (1 + 1.0 / 3 + 1.0 / 11) / 3);
  EXPECT_THROW(hit_rate(ranks, 0), UsageError);
  EXPECT_THROW(ndcg(Ranks{0}, 10), UsageError);
  EXPECT_THROW(mean_reciprocal_rank(Ranks{}), UsageError);
}

}  // namespace
}  // namespace heed
