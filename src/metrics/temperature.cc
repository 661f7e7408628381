#include "heed/metrics/temperature.h"

#include <algorithm>
#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr double kLeastTemperature = 0.01, kMostTemperature = 100;
constexpr int kHalvings = 60;

/// d/db of the sum of -ln softmax(b z)[y]: the mean of z under softmax(b z), less z[y].
double slope_at(double b, std::span<const double> logits, std::span<const int64_t> expected,
                size_t classes) {
  double slope = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto z = logits.subspan(i * classes, classes);
    const double most = *std::max_element(z.begin(), z.end());
    double sum = 0, mean = 0;
    for (const double value : z) {
      const double weight = std::exp(b * (value - most));
      sum += weight, mean += weight * value;
    }
    slope += mean / sum - z[static_cast<size_t>(expected[i])];
  }
  return slope;
}

void check_logits(std::span<const double> logits, std::span<const int64_t> expected,
                  int64_t classes) {
  const std::string what = "fitted_temperature: ";
  if (expected.empty()) throw UsageError(what + "expected at least one record");
  if (classes < 1 || logits.size() != expected.size() * static_cast<size_t>(classes))
    throw UsageError(what + "expected " + std::to_string(classes) + " logits for each of " +
                     std::to_string(expected.size()) + " records, given " +
                     std::to_string(logits.size()));
  for (const int64_t each : expected)
    if (each < 0 || each >= classes)
      throw UsageError(what + "expected classes below " + std::to_string(classes) + ", given " +
                       std::to_string(each));
  if (!std::all_of(logits.begin(), logits.end(), [](double z) { return std::isfinite(z); }))
    throw UsageError(what + "a logit is not finite");
}

}  // namespace

double fitted_temperature(std::span<const double> logits, std::span<const int64_t> expected,
                          int64_t classes) {
  check_logits(logits, expected, classes);
  const auto slope = [&](double b) {
    return slope_at(b, logits, expected, static_cast<size_t>(classes));
  };
  double low = std::log(1 / kMostTemperature), high = std::log(1 / kLeastTemperature);
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (slope(std::exp(middle)) > 0 ? high : low) = middle;
  }
  return std::exp(-(low + high) / 2);
}

}  // namespace heed
