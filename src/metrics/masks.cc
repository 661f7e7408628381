#include "heed/metrics/masks.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "heed/core/error.h"

namespace heed {
namespace {

void check_pair(const char* metric, const Mask& predicted, const Mask& expected) {
  if (predicted.height == expected.height && predicted.width == expected.width &&
      std::ssize(predicted.values) == predicted.pixels() &&
      std::ssize(expected.values) == expected.pixels())
    return;
  throw UsageError(std::string(metric) + ": expected a mask of " + std::to_string(expected.height) +
                   " x " + std::to_string(expected.width) + " pixels, given " +
                   std::to_string(predicted.height) + " x " + std::to_string(predicted.width));
}

void check_class(const char* metric, int64_t value, int64_t classes) {
  if (value >= 0 && value < classes) return;
  throw UsageError(std::string(metric) + ": expected classes 0 .. " + std::to_string(classes - 1) +
                   ", given " + std::to_string(value));
}

/// How far values reach along a line: out[i] is whether all of i - distance .. i + distance are
/// `good`, and lie on the line.
void eroded_line(const std::vector<uint8_t>& good, int64_t distance, std::vector<uint8_t>& out) {
  const auto n = std::ssize(good);
  int64_t last_bad = -1;
  for (int64_t i = 0; i < n; ++i) {
    if (!good[static_cast<size_t>(i)]) last_bad = i;
    out[static_cast<size_t>(i)] = i - last_bad > distance;
  }
  int64_t next_bad = n;
  for (int64_t i = n - 1; i >= 0; --i) {
    if (!good[static_cast<size_t>(i)]) next_bad = i;
    if (next_bad - i <= distance) out[static_cast<size_t>(i)] = 0;
  }
}

/// The pixels of a class with one of another value, or the image's end, within `distance`.
std::vector<uint8_t> boundary(const std::vector<uint8_t>& inside, int64_t height, int64_t width,
                              int64_t distance) {
  auto kept = inside;
  std::vector<uint8_t> line, found;
  const auto erode = [&](int64_t lines, int64_t length, int64_t step, int64_t stride) {
    line.resize(static_cast<size_t>(length)), found.resize(static_cast<size_t>(length));
    for (int64_t l = 0; l < lines; ++l) {
      for (int64_t i = 0; i < length; ++i)
        line[static_cast<size_t>(i)] = kept[static_cast<size_t>(l * step + i * stride)];
      eroded_line(line, distance, found);
      for (int64_t i = 0; i < length; ++i)
        kept[static_cast<size_t>(l * step + i * stride)] = found[static_cast<size_t>(i)];
    }
  };
  erode(height, width, width, 1);
  erode(width, height, 1, width);
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = inside[i] && !kept[i];
  return kept;
}

template <double (Overlap::*score)() const>
double mean_of(const std::vector<Overlap>& classes, size_t first) {
  double sum = 0;
  int64_t count = 0;
  for (size_t i = first; i < classes.size(); ++i)
    if (classes[i].any()) sum += (classes[i].*score)(), ++count;
  return count ? sum / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double Overlap::dice() const {
  if (!any()) return std::numeric_limits<double>::quiet_NaN();
  return 2 * static_cast<double>(both) / static_cast<double>(predicted + expected);
}

double Overlap::iou() const {
  if (!any()) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(both) / static_cast<double>(predicted + expected - both);
}

Overlap& Overlap::operator+=(const Overlap& other) {
  both += other.both, predicted += other.predicted, expected += other.expected;
  return *this;
}

std::vector<Overlap> class_overlaps(const Mask& predicted, const Mask& expected, int64_t classes) {
  check_pair("class overlaps", predicted, expected);
  std::vector<Overlap> all(static_cast<size_t>(classes));
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const int64_t wanted = expected.values[i], given = predicted.values[i];
    if (wanted < 0) continue;
    check_class("class overlaps", wanted, classes), check_class("class overlaps", given, classes);
    ++all[static_cast<size_t>(wanted)].expected, ++all[static_cast<size_t>(given)].predicted;
    all[static_cast<size_t>(wanted)].both += wanted == given;
  }
  return all;
}

std::vector<Overlap> boundary_overlaps(const Mask& predicted, const Mask& expected, int64_t classes,
                                       int64_t distance) {
  check_pair("boundary overlaps", predicted, expected);
  if (distance < 1)
    throw UsageError("boundary overlaps: expected a distance of at least 1, given " +
                     std::to_string(distance));
  std::vector<Overlap> all;
  const size_t pixels = expected.values.size();
  std::vector<uint8_t> given(pixels), wanted(pixels);
  for (int64_t k = 0; k < classes; ++k) {
    for (size_t i = 0; i < pixels; ++i) {
      wanted[i] = expected.values[i] == k;
      given[i] = predicted.values[i] == k && expected.values[i] >= 0;
    }
    const auto a = boundary(given, expected.height, expected.width, distance);
    const auto b = boundary(wanted, expected.height, expected.width, distance);
    auto& own = all.emplace_back();
    for (size_t i = 0; i < pixels; ++i)
      own.predicted += a[i], own.expected += b[i], own.both += a[i] && b[i];
  }
  return all;
}

int64_t boundary_distance(int64_t height, int64_t width, double share) {
  const double diagonal = std::hypot(static_cast<double>(height), static_cast<double>(width));
  return std::max<int64_t>(1, std::llrint(share * diagonal));
}

double mean_dice(const std::vector<Overlap>& classes, size_t first) {
  return mean_of<&Overlap::dice>(classes, first);
}

double mean_iou(const std::vector<Overlap>& classes, size_t first) {
  return mean_of<&Overlap::iou>(classes, first);
}

Overlap object_overlap(const Mask& predicted, const Mask& expected, double threshold) {
  check_pair("object overlap", predicted, expected);
  if (!(threshold >= 0.5 && threshold < 1))
    throw UsageError("object overlap: expected a threshold of 0.5 to below 1, given " +
                     std::to_string(threshold));
  std::map<int32_t, int64_t> given, wanted;
  std::map<std::pair<int32_t, int32_t>, int64_t> common;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const int32_t a = predicted.values[i], b = expected.values[i];
    if (b < 0) continue;
    if (a > 0) ++given[a];
    if (b > 0) ++wanted[b];
    if (a > 0 && b > 0) ++common[{a, b}];
  }
  Overlap objects{0, std::ssize(given), std::ssize(wanted)};
  for (const auto& [pair, both] : common)
    objects.both += Overlap{both, given[pair.first], wanted[pair.second]}.iou() > threshold;
  return objects;
}

Mask connected_components(const Mask& mask) {
  Mask found(mask.height, mask.width);
  std::vector<int64_t> waiting;
  int32_t number = 0;
  const auto reach = [&](int64_t y, int64_t x) {
    if (y < 0 || y >= mask.height || x < 0 || x >= mask.width) return;
    if (mask.at(y, x) <= 0 || found.at(y, x) != 0) return;
    found.at(y, x) = number;
    waiting.push_back(y * mask.width + x);
  };
  for (int64_t first = 0; first < mask.pixels(); ++first) {
    if (mask.values[static_cast<size_t>(first)] <= 0 || found.values[static_cast<size_t>(first)])
      continue;
    ++number;
    reach(first / mask.width, first % mask.width);
    while (!waiting.empty()) {
      const int64_t y = waiting.back() / mask.width, x = waiting.back() % mask.width;
      waiting.pop_back();
      reach(y - 1, x), reach(y + 1, x), reach(y, x - 1), reach(y, x + 1);
    }
  }
  return found;
}

int64_t count_objects(const Mask& mask) {
  auto values = mask.values;
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return std::count_if(values.begin(), values.end(), [](int32_t value) { return value > 0; });
}

}  // namespace heed
