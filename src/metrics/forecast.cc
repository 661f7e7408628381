#include "heed/metrics/forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "metrics/check.h"

namespace heed {
namespace {

template <class Error>
double mean_error(const char* metric, std::span<const double> predicted,
                  std::span<const double> expected, Error&& error) {
  metric::check_sizes(metric, predicted.size(), expected.size());
  double sum = 0;
  for (size_t i = 0; i < predicted.size(); ++i) sum += error(expected[i], predicted[i]);
  return sum / static_cast<double>(predicted.size());
}

double squared(double y, double f) { return (y - f) * (y - f); }
double absolute(double y, double f) { return std::abs(y - f); }

}  // namespace

double mean_squared_error(std::span<const double> predicted, std::span<const double> expected) {
  return mean_error("mean_squared_error", predicted, expected, squared);
}

double mean_absolute_error(std::span<const double> predicted, std::span<const double> expected) {
  return mean_error("mean_absolute_error", predicted, expected, absolute);
}

double root_mean_squared_error(std::span<const double> predicted,
                               std::span<const double> expected) {
  return std::sqrt(mean_error("root_mean_squared_error", predicted, expected, squared));
}

double r_squared(std::span<const double> predicted, std::span<const double> expected) {
  const double error = mean_error("r_squared", predicted, expected, squared);
  if (expected.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double mean =
      mean_error("r_squared", expected, expected, [](double y, double) { return y; });
  const double spread = mean_error("r_squared", expected, expected,
                                   [mean](double y, double) { return squared(y, mean); });
  if (spread == 0) return error == 0 ? 1 : 0;
  return 1 - error / spread;
}

double mean_absolute_scaled_error(std::span<const double> predicted,
                                  std::span<const double> expected, std::span<const double> history,
                                  int64_t season) {
  constexpr const char* kName = "mean_absolute_scaled_error";
  if (season < 1 || history.size() <= static_cast<size_t>(season)) {
    throw UsageError(std::string(kName) +
                     ": expected a season of at least 1 and more values of history than that, "
                     "given " +
                     std::to_string(season) + " and " + std::to_string(history.size()));
  }
  const auto m = static_cast<size_t>(season);
  const double naive =
      mean_error(kName, history.first(history.size() - m), history.subspan(m), absolute);
  return mean_error(kName, predicted, expected, absolute) / naive;
}

double symmetric_mape(std::span<const double> predicted, std::span<const double> expected) {
  return mean_error("symmetric_mape", predicted, expected, [](double y, double f) {
    const double size = std::abs(y) + std::abs(f);
    return size == 0 ? 0 : 200 * std::abs(y - f) / size;
  });
}

double pinball_loss(std::span<const double> predicted, std::span<const double> expected,
                    double quantile) {
  if (!(quantile >= 0 && quantile <= 1))
    throw UsageError("pinball_loss: expected a quantile in 0 .. 1, given " +
                     std::to_string(quantile));
  return mean_error("pinball_loss", predicted, expected, [quantile](double y, double f) {
    return std::max(quantile * (y - f), (quantile - 1) * (y - f));
  });
}

double coverage(std::span<const double> lower, std::span<const double> upper,
                std::span<const double> expected) {
  metric::check_sizes("coverage", lower.size(), expected.size());
  metric::check_sizes("coverage", upper.size(), expected.size());
  int64_t inside = 0;
  for (size_t i = 0; i < expected.size(); ++i)
    inside += lower[i] <= expected[i] && expected[i] <= upper[i] ? 1 : 0;
  return static_cast<double>(inside) / static_cast<double>(expected.size());
}

}  // namespace heed
