#include "core/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "heed/core/error.h"
#include "heed/core/random.h"

namespace heed {
namespace {

double total(const std::vector<double>& cost, int64_t columns, const std::vector<int64_t>& found) {
  double sum = 0;
  for (size_t r = 0; r < found.size(); ++r)
    if (found[r] >= 0)
      sum += cost[r * static_cast<size_t>(columns) + static_cast<size_t>(found[r])];
  return sum;
}

/// All ways to give the rows columns; of more rows than columns all ways to give columns rows.
double least_of_all(const std::vector<double>& cost, int64_t rows, int64_t columns) {
  const int64_t n = std::max(rows, columns);
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const auto c = order[static_cast<size_t>(r)];
      if (c < columns) sum += cost[static_cast<size_t>(r * columns + c)];
    }
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(Assignment, IsTheCheapestOfAll) {
  uint64_t seed = 1;
  for (int64_t rows = 0; rows <= 6; ++rows) {
    for (int64_t columns = 0; columns <= 6; ++columns) {
      for (int64_t trial = 0; trial < 8; ++trial) {
        Random random(seed++);
        std::vector<double> cost(static_cast<size_t>(rows * columns));
        for (size_t i = 0; i < cost.size(); ++i) {
          cost[i] = double(random.uniform()) * 10 - 5;
          if (trial % 2 == 1) cost[i] = std::round(cost[i]);  // equal costs
        }
        const auto found = assign(cost, rows, columns);
        ASSERT_EQ(std::ssize(found), rows);
        std::vector<int64_t> given;
        for (const auto column : found)
          if (column >= 0) given.push_back(column);
        EXPECT_EQ(std::ssize(given), std::min(rows, columns));
        std::sort(given.begin(), given.end());
        EXPECT_EQ(std::adjacent_find(given.begin(), given.end()), given.end());
        EXPECT_NEAR(total(cost, columns, found), least_of_all(cost, rows, columns), 1e-9)
            << rows << " x " << columns;
      }
    }
  }
}

TEST(Assignment, RefusesWhatIsNoMatrixOfCosts) {
  EXPECT_THROW(assign(std::vector<double>{1, 2, 3}, 2, 2), UsageError);
  EXPECT_THROW(assign(std::vector<double>{1, std::nan("")}, 1, 2), UsageError);
}

}  // namespace
}  // namespace heed
