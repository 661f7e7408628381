#include "core/assignment.h"

#include <cmath>
#include <limits>
#include <string>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();

/// Rows <= columns. Column 0 and row 0 are none; those of the matrix count from 1.
class ShortestPaths {
 public:
  ShortestPaths(std::span<const double> cost, size_t rows, size_t columns)
      : cost_(cost),
        columns_(columns),
        row_potential_(rows + 1),
        column_potential_(columns + 1),
        row_of_(columns + 1),
        before_(columns + 1) {}

  std::vector<int64_t> solve(size_t rows) {
    for (size_t row = 1; row <= rows; ++row) augment(row);
    std::vector<int64_t> result(rows, -1);
    for (size_t column = 1; column <= columns_; ++column)
      if (row_of_[column] > 0) result[row_of_[column] - 1] = static_cast<int64_t>(column) - 1;
    return result;
  }

 private:
  /// Gives the row a column by the cheapest path of columns that change hands.
  void augment(size_t row) {
    std::vector<double> distance(columns_ + 1, kFar);
    std::vector<bool> reached(columns_ + 1, false);
    row_of_[0] = row;
    size_t column = 0;
    do {
      reached[column] = true;
      column = nearest(column, distance, reached);
    } while (row_of_[column] != 0);
    while (column != 0) {
      row_of_[column] = row_of_[before_[column]];
      column = before_[column];
    }
  }

  /// The nearest column that is not reached, and potentials under which it is at distance 0.
  size_t nearest(size_t from, std::vector<double>& distance, const std::vector<bool>& reached) {
    const size_t row = row_of_[from];
    double least = kFar;
    size_t next = 0;
    for (size_t column = 1; column <= columns_; ++column) {
      if (reached[column]) continue;
      const double reduced = cost_[(row - 1) * columns_ + column - 1] - row_potential_[row] -
                             column_potential_[column];
      if (reduced < distance[column]) distance[column] = reduced, before_[column] = from;
      if (distance[column] < least) least = distance[column], next = column;
    }
    for (size_t column = 0; column <= columns_; ++column) {
      if (reached[column]) {
        row_potential_[row_of_[column]] += least, column_potential_[column] -= least;
      } else {
        distance[column] -= least;
      }
    }
    return next;
  }

  std::span<const double> cost_;
  size_t columns_;
  std::vector<double> row_potential_, column_potential_;
  std::vector<size_t> row_of_;  // of each column; 0: none
  std::vector<size_t> before_;  // on the path that is searched
};

}  // namespace

std::vector<int64_t> assign(std::span<const double> cost, int64_t rows, int64_t columns) {
  if (rows < 0 || columns < 0 || std::ssize(cost) != rows * columns)
    throw UsageError("assign: expected rows x columns costs, given " + std::to_string(cost.size()));
  for (const double each : cost)
    if (!std::isfinite(each)) throw UsageError("assign: a cost is not finite");
  const auto R = static_cast<size_t>(rows), C = static_cast<size_t>(columns);
  if (R <= C) return ShortestPaths(cost, R, C).solve(R);
  std::vector<double> transposed(cost.size());
  for (size_t r = 0; r < R; ++r)
    for (size_t c = 0; c < C; ++c) transposed[c * R + r] = cost[r * C + c];
  const auto row_of = ShortestPaths(transposed, C, R).solve(C);
  std::vector<int64_t> result(R, -1);
  for (size_t c = 0; c < C; ++c) result[static_cast<size_t>(row_of[c])] = static_cast<int64_t>(c);
  return result;
}

}  // namespace heed
