// How problems are cut.
#include "kernels/blocks.h"

#include <gtest/gtest.h>

#include <set>

namespace heed::kernels {
namespace {

TEST(TurnOf, EveryPieceOfEveryHeadComesOnce) {
  for (const int64_t heads : {1, 2, 7, 8})
    for (const int64_t pieces : {1, 3, 85})
      for (const int64_t bytes : {0, 1 << 20, 3 << 19, 4 << 20, 9 << 20}) {
        std::set<std::pair<int64_t, int64_t>> met;
        for (int64_t item = 0; item < heads * pieces; ++item) {
          const auto [head, piece] = turn_of(item, heads, pieces, bytes);
          EXPECT_TRUE(head >= 0 && head < heads && piece >= 0 && piece < pieces);
          met.emplace(head, piece);
        }
        EXPECT_EQ(met.size(), static_cast<size_t>(heads * pieces))
            << heads << " heads, " << pieces << " pieces, " << bytes << " bytes";
      }
}

TEST(TurnOf, SmallHeadsTakeTurnsAndLargeOnesDoNot) {
  EXPECT_EQ(turn_of(1, 8, 10, 1 << 10).head, 1);
  EXPECT_EQ(turn_of(1, 8, 10, 2 << 20).head, 1);
  EXPECT_EQ(turn_of(2, 8, 10, 2 << 20).head, 0);
  EXPECT_EQ(turn_of(9, 8, 10, 5 << 20).head, 0);
  EXPECT_EQ(turn_of(10, 8, 10, 5 << 20).head, 1);
}

}  // namespace
}  // namespace heed::kernels
