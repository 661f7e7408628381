#include "heed/metrics/curves.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "metrics/check.h"

namespace heed {
namespace {

/// At a threshold: how many positive and negative records have at least its score.
struct Point {
  double threshold;
  int64_t positive, negative;
};

/// A point for each score that occurs, from the largest down.
std::vector<Point> points_of(const char* metric, std::span<const double> scores,
                             std::span<const int64_t> expected) {
  metric::check_sizes(metric, scores.size(), expected.size());
  metric::check_range(metric, expected, 2);
  for (size_t i = 0; i < scores.size(); ++i)
    if (std::isnan(scores[i]))
      throw UsageError(std::string(metric) + ": expected numbers, given NaN at place " +
                       std::to_string(i));
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  std::vector<Point> points;
  Point now{0, 0, 0};
  for (const size_t i : order) {
    if (points.empty() || scores[i] != points.back().threshold)
      points.push_back({scores[i], now.positive, now.negative});
    ++(expected[i] == 1 ? now.positive : now.negative);
    points.back().positive = now.positive, points.back().negative = now.negative;
  }
  return points;
}

double share(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double roc_auc(std::span<const double> scores, std::span<const int64_t> expected) {
  const auto points = points_of("roc_auc", scores, expected);
  const int64_t positive = points.back().positive, negative = points.back().negative;
  if (positive == 0 || negative == 0) return std::numeric_limits<double>::quiet_NaN();
  double twice = 0;  // the trapezoids' area, in pairs of records
  Point last{0, 0, 0};
  for (const auto& point : points) {
    twice += static_cast<double>(point.negative - last.negative) *
             static_cast<double>(point.positive + last.positive);
    last = point;
  }
  return twice / 2 / static_cast<double>(positive) / static_cast<double>(negative);
}

double roc_auc_one_vs_rest(std::span<const double> scores, std::span<const int64_t> expected,
                           int64_t classes) {
  metric::check_table("roc_auc_one_vs_rest", scores.size(), expected.size(), classes);
  metric::check_range("roc_auc_one_vs_rest", expected, classes);
  double sum = 0;
  std::vector<double> column(expected.size());
  std::vector<int64_t> is_class(expected.size());
  for (int64_t c = 0; c < classes; ++c) {
    for (size_t i = 0; i < expected.size(); ++i) {
      column[i] = scores[i * static_cast<size_t>(classes) + static_cast<size_t>(c)];
      is_class[i] = expected[i] == c ? 1 : 0;
    }
    sum += roc_auc(column, is_class);
  }
  return sum / static_cast<double>(classes);
}

double average_precision(std::span<const double> scores, std::span<const int64_t> expected) {
  const auto points = points_of("average_precision", scores, expected);
  const int64_t positive = points.back().positive;
  if (positive == 0) return 0;
  double sum = 0;
  int64_t last = 0;
  for (const auto& point : points) {
    sum += share(point.positive - last, positive) *
           share(point.positive, point.positive + point.negative);
    last = point.positive;
  }
  return sum;
}

PrecisionRecallCurve precision_recall_curve(std::span<const double> scores,
                                            std::span<const int64_t> expected) {
  const auto points = points_of("precision_recall_curve", scores, expected);
  const int64_t positive = points.back().positive;
  PrecisionRecallCurve curve;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    curve.precision.push_back(share(point->positive, point->positive + point->negative));
    curve.recall.push_back(positive > 0 ? share(point->positive, positive) : 1);
    curve.thresholds.push_back(point->threshold);
  }
  curve.precision.push_back(1), curve.recall.push_back(0);
  return curve;
}

CalibrationCurve calibration_curve(std::span<const double> probabilities,
                                   std::span<const int64_t> expected, int64_t bins) {
  metric::check_sizes("calibration_curve", probabilities.size(), expected.size());
  metric::check_range("calibration_curve", expected, 2);
  if (bins < 1)
    throw UsageError("calibration_curve: expected at least one bin, given " + std::to_string(bins));
  std::vector<double> edges;  // right ends, but for the last
  for (int64_t b = 1; b < bins; ++b)
    edges.push_back(static_cast<double>(b) * (1.0 / static_cast<double>(bins)));
  const auto size = static_cast<size_t>(bins);
  std::vector<double> probability(size);
  std::vector<int64_t> positive(size), records(size);
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const double p = probabilities[i];
    if (!(p >= 0 && p <= 1))
      throw UsageError("calibration_curve: expected probabilities in 0 .. 1, given " +
                       std::to_string(p) + " at place " + std::to_string(i));
    const auto bin =
        static_cast<size_t>(std::lower_bound(edges.begin(), edges.end(), p) - edges.begin());
    probability[bin] += p, positive[bin] += expected[i], ++records[bin];
  }
  CalibrationCurve curve;
  for (size_t b = 0; b < size; ++b) {
    if (records[b] == 0) continue;
    curve.probability.push_back(probability[b] / static_cast<double>(records[b]));
    curve.positive.push_back(share(positive[b], records[b]));
    curve.records.push_back(records[b]);
  }
  return curve;
}

double expected_calibration_error(std::span<const double> confidences,
                                  std::span<const int64_t> correct, int64_t bins) {
  const auto curve = calibration_curve(confidences, correct, bins);
  double error = 0;
  for (size_t b = 0; b < curve.records.size(); ++b)
    error += share(curve.records[b], static_cast<int64_t>(correct.size())) *
             std::abs(curve.positive[b] - curve.probability[b]);
  return error;
}

}  // namespace heed
