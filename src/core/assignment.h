// The cheapest assignment of rows to columns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heed {

/// cost: rows x columns numbers, row by row, all finite. Returns each row's column, all different, so that the
/// sum of the costs is least; where there are more rows than columns, some rows get -1. The first of equal
/// columns is taken, so the same costs give the same answer.
///
/// Shortest augmenting paths with potentials (Jonker & Volgenant 1987; Crouse 2016): O(n^2 m) with n the
/// smaller side and m the larger, memory O(n + m) (of a transposed copy n m). Throws UsageError for another number of costs
/// and for one that is not finite.
std::vector<int64_t> assign(std::span<const double> cost, int64_t rows, int64_t columns);

}  // namespace heed
