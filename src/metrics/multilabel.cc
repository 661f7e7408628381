#include "heed/metrics/multilabel.h"

#include <algorithm>

#include "heed/metrics/curves.h"
#include "metrics/check.h"

namespace heed {
namespace {

size_t checked_records(const char* metric, size_t predicted, std::span<const int64_t> expected,
                       int64_t labels) {
  const size_t records = labels > 0 ? expected.size() / static_cast<size_t>(labels) : 0;
  metric::check_table(metric, expected.size(), records, labels);
  metric::check_sizes(metric, predicted, expected.size());
  metric::check_range(metric, expected, 2);
  return records;
}

}  // namespace

std::vector<MatchCounts> label_counts(std::span<const int64_t> predicted,
                                      std::span<const int64_t> expected, int64_t labels) {
  checked_records("label_counts", predicted.size(), expected, labels);
  metric::check_range("label_counts", predicted, 2);
  std::vector<MatchCounts> counts(static_cast<size_t>(labels));
  for (size_t i = 0; i < expected.size(); ++i)
    counts[i % counts.size()] += {predicted[i] & expected[i], predicted[i], expected[i]};
  return counts;
}

double subset_accuracy(std::span<const int64_t> predicted, std::span<const int64_t> expected,
                       int64_t labels) {
  const size_t records = checked_records("subset_accuracy", predicted.size(), expected, labels);
  metric::check_range("subset_accuracy", predicted, 2);
  const auto width = static_cast<size_t>(labels);
  size_t right = 0;
  for (size_t r = 0; r < records; ++r)
    right +=
        std::ranges::equal(predicted.subspan(r * width, width), expected.subspan(r * width, width))
            ? 1
            : 0;
  return static_cast<double>(right) / static_cast<double>(records);
}

double label_average_precision(std::span<const double> scores, std::span<const int64_t> expected,
                               int64_t labels) {
  const size_t records =
      checked_records("label_average_precision", scores.size(), expected, labels);
  const auto width = static_cast<size_t>(labels);
  std::vector<double> column(records);
  std::vector<int64_t> has(records);
  double sum = 0;
  for (size_t l = 0; l < width; ++l) {
    for (size_t r = 0; r < records; ++r)
      column[r] = scores[r * width + l], has[r] = expected[r * width + l];
    sum += average_precision(column, has);
  }
  return sum / static_cast<double>(labels);
}

}  // namespace heed
