// Whether two lists of numbers rise and fall together, as scipy.stats computes it.
#pragma once

#include <span>
#include <vector>

namespace heed {

// Both throw UsageError: fewer than two values, another number of references. NaN where one of both
// lists is constant, or has a NaN.

/// Pearson's r = sum (x - mx)(y - my) / sqrt(sum (x - mx)^2 sum (y - my)^2), -1 .. 1. Cost O(N).
double pearson(std::span<const double> predicted, std::span<const double> expected);

/// Spearman's rho: Pearson's r of the ranks. Cost O(N log N).
double spearman(std::span<const double> predicted, std::span<const double> expected);

/// Ranks from 1, smallest first; equal values have the mean of their ranks. No value may be NaN.
std::vector<double> average_ranks(std::span<const double> values);

}  // namespace heed
