#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "heed/core/error.h"
#include "metrics/detection_check.h"

namespace heed {
namespace {

struct Ranked {
  size_t image;
  FoundBox box;
};

/// Recall and precision behind each box that counts.
struct VocCurve {
  std::vector<double> recall, precision;
};

VocCurve voc_curve(std::span<const DetectedImage> images, const std::vector<Ranked>& ranked,
                   int64_t kind, double least_iou, int64_t expected) {
  std::vector<std::vector<bool>> taken;
  for (const auto& image : images) taken.emplace_back(image.expected.size());
  VocCurve curve;
  double right = 0, wrong = 0;
  for (const auto& [number, found] : ranked) {
    const auto& objects = images[number].expected;
    double best = -1;
    size_t match = objects.size();
    for (size_t g = 0; g < objects.size(); ++g) {
      if (objects[g].kind != kind) continue;
      const double iou = box_iou(found.box, objects[g].box);
      if (iou > best) best = iou, match = g;
    }
    const bool met = match < objects.size() && best >= least_iou;
    if (met && (objects[match].difficult || objects[match].crowd)) continue;
    const bool first = met && !taken[number][match];
    if (first) taken[number][match] = true;
    (first ? right : wrong) += 1;
    curve.recall.push_back(right / double(expected));
    curve.precision.push_back(right / (right + wrong));
  }
  for (size_t i = curve.precision.size(); i-- > 1;)
    curve.precision[i - 1] = std::max(curve.precision[i - 1], curve.precision[i]);
  return curve;
}

double voc_area(const VocCurve& curve, VocPoints points) {
  const auto from = [&](double recall) {
    const auto at = std::lower_bound(curve.recall.begin(), curve.recall.end(), recall);
    return at == curve.recall.end()
               ? 0
               : curve.precision[static_cast<size_t>(at - curve.recall.begin())];
  };
  double sum = 0;
  if (points == VocPoints::eleven) {
    for (int i = 0; i <= 10; ++i) sum += from(i / 10.0);
    return sum / 11;
  }
  double before = 0;
  for (size_t i = 0; i < curve.recall.size(); ++i) {
    sum += (curve.recall[i] - before) * curve.precision[i];
    before = curve.recall[i];
  }
  return sum;
}

}  // namespace

double box_iou(const Rectangle& a, const Rectangle& b) noexcept {
  const double width = std::min(a.x1, b.x1) - std::max(a.x0, b.x0);
  const double height = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(width > 0) || !(height > 0)) return 0;
  const double common = width * height;
  return common / (a.area() + b.area() - common);
}

double mean_of_known(std::span<const double> numbers) noexcept {
  double sum = 0;
  int64_t count = 0;
  for (const double each : numbers)
    if (!std::isnan(each)) sum += each, ++count;
  return count > 0 ? sum / double(count) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<size_t> by_score(std::span<const double> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  return order;
}

void check_detections(std::span<const DetectedImage> images, int64_t kinds) {
  const auto check = [&](int64_t kind) {
    if (kind < 0 || kind >= kinds)
      throw UsageError("detection: the kind " + std::to_string(kind) + ", expected 0 .. " +
                       std::to_string(kinds - 1));
  };
  for (const auto& image : images) {
    for (const auto& box : image.expected) check(box.kind);
    for (const auto& box : image.found) {
      check(box.kind);
      if (!std::isfinite(box.score)) throw UsageError("detection: a score is not finite");
    }
  }
}

std::vector<double> voc_average_precisions(std::span<const DetectedImage> images, int64_t kinds,
                                           VocPoints points, double least_iou) {
  check_detections(images, kinds);
  std::vector<double> all;
  for (int64_t kind = 0; kind < kinds; ++kind) {
    std::vector<Ranked> found;
    std::vector<double> scores;
    int64_t expected = 0;
    for (size_t i = 0; i < images.size(); ++i) {
      for (const auto& box : images[i].found)
        if (box.kind == kind) found.push_back({i, box}), scores.push_back(box.score);
      for (const auto& box : images[i].expected)
        expected += box.kind == kind && !box.difficult && !box.crowd;
    }
    std::vector<Ranked> ranked;
    for (const size_t i : by_score(scores)) ranked.push_back(found[i]);
    all.push_back(expected == 0
                      ? std::numeric_limits<double>::quiet_NaN()
                      : voc_area(voc_curve(images, ranked, kind, least_iou, expected), points));
  }
  return all;
}

}  // namespace heed
