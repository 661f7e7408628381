#include "heed/metrics/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "metrics/check.h"

namespace heed {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void check_pairs(const char* metric, size_t predicted, size_t expected) {
  metric::check_sizes(metric, predicted, expected);
  if (predicted < 2)
    throw UsageError(std::string(metric) + ": expected at least two values, given one");
}

/// Centred and scaled to a largest magnitude of 1, so that squares neither over- nor underflow.
std::vector<double> centred(std::span<const double> values) {
  double mean = 0, most = 0;
  for (const double x : values) mean += x / static_cast<double>(values.size());
  std::vector<double> out;
  for (const double x : values) {
    out.push_back(x - mean);
    most = std::max(most, std::abs(out.back()));
  }
  for (double& x : out) x /= most;
  return out;
}

bool is_constant(std::span<const double> values) {
  return std::ranges::all_of(values, [&](double x) { return x == values.front(); });
}

}  // namespace

double pearson(std::span<const double> predicted, std::span<const double> expected) {
  check_pairs("pearson", predicted.size(), expected.size());
  if (is_constant(predicted) || is_constant(expected)) return kNan;
  const auto x = centred(predicted), y = centred(expected);
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  const double r = dot(x, y) / std::sqrt(dot(x, x)) / std::sqrt(dot(y, y));
  return std::isnan(r) ? r : std::clamp(r, -1.0, 1.0);
}

std::vector<double> average_ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
  }
  return ranks;
}

double spearman(std::span<const double> predicted, std::span<const double> expected) {
  check_pairs("spearman", predicted.size(), expected.size());
  const auto bad = [](double x) { return std::isnan(x); };
  if (std::ranges::any_of(predicted, bad) || std::ranges::any_of(expected, bad)) return kNan;
  return pearson(average_ranks(predicted), average_ranks(expected));
}

}  // namespace heed
