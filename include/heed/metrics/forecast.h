// Numbers beside the right ones: of regression and of forecasts.
#pragma once

#include <cstdint>
#include <span>

namespace heed {

// Means over N values y (expected) and f (predicted). All throw UsageError: no value, another
// number of references. A value that is NaN makes the figure NaN. Cost O(N).

/// mean (y - f)^2
double mean_squared_error(std::span<const double> predicted, std::span<const double> expected);
/// mean |y - f|
double mean_absolute_error(std::span<const double> predicted, std::span<const double> expected);
/// sqrt of mean_squared_error
double root_mean_squared_error(std::span<const double> predicted, std::span<const double> expected);

/// 1 - sum (y - f)^2 / sum (y - mean y)^2; where y is constant, 1 if f equals it and else 0
/// (r2_score of scikit-learn). NaN of one value.
double r_squared(std::span<const double> predicted, std::span<const double> expected);

/// MASE (Hyndman & Koehler 2006): mean |y - f| over the mean |h_t - h_{t-m}| of the seasonal naive
/// forecast within `history`, the training part of the same series. Throws UsageError also: season
/// m below 1, no more than m values of history. Where the history repeats itself exactly: infinity,
/// or NaN if the forecast is exact, too.
double mean_absolute_scaled_error(std::span<const double> predicted,
                                  std::span<const double> expected, std::span<const double> history,
                                  int64_t season = 1);

/// sMAPE as the M4 competition has it, 0 .. 200: mean 200 |y - f| / (|y| + |f|); 0 where both are
/// 0.
double symmetric_mape(std::span<const double> predicted, std::span<const double> expected);

/// The pinball loss of the quantile q in 0 .. 1: mean max(q (y - f), (q - 1) (y - f));
/// mean_pinball_loss of scikit-learn. Throws UsageError also for another q.
double pinball_loss(std::span<const double> predicted, std::span<const double> expected,
                    double quantile);

/// The share of y with lower <= y <= upper.
double coverage(std::span<const double> lower, std::span<const double> upper,
                std::span<const double> expected);

}  // namespace heed
