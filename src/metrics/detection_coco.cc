#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>

#include "heed/core/error.h"
#include "metrics/detection_check.h"

namespace heed {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kThresholds = 10, kRecalls = 101, kSizes = 4, kMostFound = 100;
constexpr std::array<size_t, 3> kLimits{1, 10, kMostFound};

struct SizeRange {
  double least, most;
};
constexpr std::array<SizeRange, kSizes> kRanges{
    {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}};

/// As numpy.linspace(.5, .95, 10) has them, to the bit.
double threshold(size_t i) {
  return i + 1 == kThresholds ? 0.95 : 0.5 + double(i) * ((0.95 - 0.5) / 9);
}
double recall_point(size_t i) { return i + 1 == kRecalls ? 1.0 : double(i) * 0.01; }

/// One image's boxes of one class; found ones from the highest score down, at most kMostFound.
struct ImageOfKind {
  std::vector<TrueBox> expected;
  std::vector<FoundBox> found;
  std::vector<double> overlap;  // found x expected; of a crowd: over the found box's own area

  double at(size_t found_box, size_t expected_box) const {
    return overlap[found_box * expected.size() + expected_box];
  }
};

ImageOfKind of_kind(const DetectedImage& image, int64_t kind) {
  ImageOfKind own;
  for (const auto& box : image.expected)
    if (box.kind == kind) own.expected.push_back(box);
  std::vector<FoundBox> found;
  std::vector<double> scores;
  for (const auto& box : image.found)
    if (box.kind == kind) found.push_back(box), scores.push_back(box.score);
  for (const size_t i : by_score(scores))
    if (own.found.size() < kMostFound) own.found.push_back(found[i]);
  for (const auto& a : own.found) {
    for (const auto& b : own.expected) {
      const double width = std::min(a.box.x1, b.box.x1) - std::max(a.box.x0, b.box.x0);
      const double height = std::min(a.box.y1, b.box.y1) - std::max(a.box.y0, b.box.y0);
      const double common = width > 0 && height > 0 ? width * height : 0;
      own.overlap.push_back(common /
                            (b.crowd ? a.box.area() : a.box.area() + b.box.area() - common));
    }
  }
  return own;
}

/// What became of a found box.
enum class Fate : uint8_t { wrong, right, ignored };

struct Matched {
  std::vector<double> scores;
  std::vector<Fate> fates;
  int64_t expected = 0;  // that count
};

bool is_outside(double area, const SizeRange& range) {
  return area < range.least || area > range.most;
}

/// Adds an image's first `limit` found boxes.
void match(const ImageOfKind& image, const SizeRange& range, double least_iou, size_t limit,
           Matched& all) {
  const size_t n = image.expected.size();
  std::vector<bool> ignored(n), taken(n);
  for (size_t g = 0; g < n; ++g) {
    const auto& box = image.expected[g];
    ignored[g] = box.crowd || is_outside(box.area.value_or(box.box.area()), range);
    all.expected += !ignored[g];
  }
  // Those that count stand first.
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return ignored[a] < ignored[b]; });
  for (size_t d = 0; d < std::min(limit, image.found.size()); ++d) {
    double best = std::min(least_iou, 1 - 1e-10);
    size_t match = n;
    for (const size_t g : order) {
      if (taken[g] && !image.expected[g].crowd) continue;
      if (match < n && !ignored[match] && ignored[g]) break;
      if (image.at(d, g) < best) continue;
      best = image.at(d, g), match = g;
    }
    auto fate = match < n ? Fate::right : Fate::wrong;
    if (match < n) taken[match] = true;
    if (match < n ? ignored[match] : is_outside(image.found[d].box.area(), range))
      fate = Fate::ignored;
    all.scores.push_back(image.found[d].score), all.fates.push_back(fate);
  }
}

struct Curve {
  double precision = kUnknown;  // mean over kRecalls
  double recall = kUnknown;
};

Curve curve_of(const Matched& matched) {
  if (matched.expected == 0) return {};
  std::vector<double> recall, precision;
  double right = 0, wrong = 0;
  for (const size_t i : by_score(matched.scores)) {
    right += matched.fates[i] == Fate::right, wrong += matched.fates[i] == Fate::wrong;
    recall.push_back(right / double(matched.expected));
    precision.push_back(right / (right + wrong + std::numeric_limits<double>::epsilon()));
  }
  for (size_t i = precision.size(); i-- > 1;)
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  double sum = 0;
  for (size_t r = 0; r < kRecalls; ++r) {
    const auto at = std::lower_bound(recall.begin(), recall.end(), recall_point(r));
    if (at != recall.end()) sum += precision[static_cast<size_t>(at - recall.begin())];
  }
  return {sum / double(kRecalls), recall.empty() ? 0 : recall.back()};
}

/// Of one class: precision by size and threshold, recall by these and by limit.
struct KindScores {
  std::array<std::array<double, kThresholds>, kSizes> precision;
  std::array<std::array<double, kThresholds>, kSizes> recall;
  std::array<std::array<double, kThresholds>, 2> recall_of_few;  // of 1 and 10, all sizes
};

KindScores scores_of_kind(const std::vector<ImageOfKind>& images) {
  KindScores scores;
  const auto curve = [&](size_t size, size_t t, size_t limit) {
    Matched all;
    for (const auto& image : images) match(image, kRanges[size], threshold(t), limit, all);
    return curve_of(all);
  };
  for (size_t t = 0; t < kThresholds; ++t) {
    for (size_t size = 0; size < kSizes; ++size) {
      const auto found = curve(size, t, kMostFound);
      scores.precision[size][t] = found.precision, scores.recall[size][t] = found.recall;
    }
    for (size_t few = 0; few < 2; ++few)
      scores.recall_of_few[few][t] = curve(0, t, kLimits[few]).recall;
  }
  return scores;
}

}  // namespace

CocoScores coco_scores(std::span<const DetectedImage> images, int64_t kinds) {
  check_detections(images, kinds);
  std::vector<KindScores> all;
  for (int64_t kind = 0; kind < kinds; ++kind) {
    std::vector<ImageOfKind> own;
    for (const auto& image : images) own.push_back(of_kind(image, kind));
    all.push_back(scores_of_kind(own));
  }
  const auto mean = [&](auto&& numbers_of) {
    std::vector<double> numbers;
    for (const auto& kind : all)
      for (const double each : numbers_of(kind)) numbers.push_back(each);
    return mean_of_known(numbers);
  };
  const auto precision = [&](size_t size) {
    return mean([&](const KindScores& kind) { return kind.precision[size]; });
  };
  const auto recall = [&](size_t size) {
    return mean([&](const KindScores& kind) { return kind.recall[size]; });
  };
  const auto at = [&](size_t t) {
    return mean([&](const KindScores& kind) { return std::array{kind.precision[0][t]}; });
  };
  const auto few = [&](size_t which) {
    return mean([&](const KindScores& kind) { return kind.recall_of_few[which]; });
  };
  CocoScores result{precision(0), at(0),     at(5),  precision(1), precision(2),
                    precision(3), few(0),    few(1), recall(0),    recall(1),
                    recall(2),    recall(3), {}};
  for (const auto& kind : all) result.ap50_of_kind.push_back(kind.precision[0][0]);
  return result;
}

}  // namespace heed
