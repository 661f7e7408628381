#include "data/statistics.h"

#include <algorithm>
#include <cmath>

#include "data/open.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/data/transform.h"

namespace heed::data {
namespace {

constexpr int64_t kRecordsAtOnce = 4096;

Scanned read_record(const ImageDataset& dataset, int64_t index) {
  Scanned found;
  try {
    const Image image = dataset.image(index);
    found.shape = image.shape;
    found.sums.add(image);
  } catch (...) {
    found.error = std::current_exception();
  }
  return found;
}

}  // namespace

void ChannelSums::add(const Image& image) noexcept {
  const auto plane = static_cast<size_t>(image.shape.pixels());
  for (size_t c = 0; c < static_cast<size_t>(image.shape.channels); ++c) {
    uint64_t sum = 0, square = 0;
    for (size_t i = c * plane; i < (c + 1) * plane; ++i) {
      const uint32_t value = image.values[i];
      sum += value, square += value * value;
    }
    values[c] += sum, squares[c] += square;
  }
  pixels += plane;
}

void ChannelSums::add(const ChannelSums& other) noexcept {
  for (size_t c = 0; c < values.size(); ++c) {
    values[c] += other.values[c];
    squares[c] += other.squares[c];
  }
  pixels += other.pixels;
}

double ChannelSums::mean(size_t channel) const noexcept {
  return static_cast<double>(values[channel]) / static_cast<double>(pixels) / 255;
}

double ChannelSums::deviation(size_t channel) const noexcept {
  const double n = static_cast<double>(pixels);
  const double mean = static_cast<double>(values[channel]) / n;
  const double variance = static_cast<double>(squares[channel]) / n - mean * mean;
  return std::sqrt(std::max(0.0, variance)) / 255;
}

void scan(const ImageDataset& dataset, const std::function<void(int64_t, const Scanned&)>& visit) {
  const int64_t size = dataset.size();
  std::vector<Scanned> found;
  for (int64_t first = 0; first < size; first += kRecordsAtOnce) {
    found.assign(static_cast<size_t>(std::min(kRecordsAtOnce, size - first)), {});
    parallel_for(static_cast<int64_t>(found.size()), [&](int64_t i) {
      found[static_cast<size_t>(i)] = read_record(dataset, first + i);
    });
    for (size_t i = 0; i < found.size(); ++i) visit(first + static_cast<int64_t>(i), found[i]);
  }
}

Normalization measure(const ImageDataset& dataset) {
  ChannelSums sums;
  scan(dataset, [&](int64_t, const Scanned& record) {
    if (record.error) std::rethrow_exception(record.error);
    sums.add(record.sums);
  });
  if (sums.pixels == 0) throw DataError("measure: the dataset has no images; expected at least 1");
  Normalization normalization;
  for (size_t c = 0; c < static_cast<size_t>(dataset.shape().channels); ++c) {
    normalization.mean.push_back(sums.mean(c));
    normalization.std.push_back(sums.deviation(c));
    if (!(sums.deviation(c) > 0))
      throw DataError("measure: channel " + std::to_string(c) +
                      " has the same value in every pixel of every image, so it cannot be"
                      " normalised; check the data or give mean and std");
  }
  return normalization;
}

ImageReport check_images(const std::filesystem::path& path, const ImageOptions& options,
                         int64_t limit) {
  Problems problems(limit);
  ImageReport report;
  ChannelSums sums;
  if (const Images dataset = open_any(path, options, problems)) {
    report.classes = dataset->classes();
    report.per_class.resize(report.classes.size());
    scan(*dataset, [&](int64_t index, const Scanned& record) {
      try {
        if (record.error) std::rethrow_exception(record.error);
      } catch (const Error& error) {
        problems.add(error.what());
        return;
      }
      const auto label = static_cast<size_t>(dataset->label(index));
      if (label >= report.per_class.size()) return;  // reported when it was opened
      ++report.per_class[label];
      if (report.records++ == 0) report.shape = record.shape;
      sums.add(record.sums);
    });
  }
  for (size_t c = 0; c < static_cast<size_t>(report.shape.channels); ++c) {
    report.mean.push_back(sums.mean(c));
    report.std.push_back(sums.deviation(c));
  }
  report.problem_count = problems.count();
  report.problems = problems.kept();
  return report;
}

}  // namespace heed::data
