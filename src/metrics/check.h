// What every metric asks of its arguments.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "heed/core/error.h"

namespace heed::metric {

/// Throws UsageError unless there is something to measure and as many references as predictions.
inline void check_sizes(const char* metric, size_t predicted, size_t expected) {
  if (predicted == 0)
    throw UsageError(std::string(metric) + ": expected at least one value, given none");
  if (predicted != expected) {
    throw UsageError(std::string(metric) + ": expected as many references as the " +
                     std::to_string(predicted) + " predictions, given " + std::to_string(expected));
  }
}

/// Throws UsageError unless `values` is a table of `rows` rows of `columns` values.
inline void check_table(const char* metric, size_t values, size_t rows, int64_t columns) {
  if (columns < 1 || rows == 0 || values != rows * static_cast<size_t>(columns)) {
    throw UsageError(std::string(metric) + ": expected " + std::to_string(rows) + " x " +
                     std::to_string(columns) + " values (none of both may be 0), given " +
                     std::to_string(values));
  }
}

/// Throws UsageError unless every value is in 0 .. below - 1.
inline void check_range(const char* metric, std::span<const int64_t> values, int64_t below) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] >= 0 && values[i] < below) continue;
    throw UsageError(std::string(metric) + ": expected values in 0 .. " +
                     std::to_string(below - 1) + ", given " + std::to_string(values[i]) +
                     " at place " + std::to_string(i));
  }
}

/// Throws DataError, which says where, unless both have as many sentences of as many tags.
inline void check_sentences(const std::vector<std::vector<std::string>>& predicted,
                            const std::vector<std::vector<std::string>>& expected) {
  if (predicted.size() != expected.size()) {
    throw DataError("tags: expected as many sentences as the " + std::to_string(expected.size()) +
                    " of the reference, given " + std::to_string(predicted.size()));
  }
  for (size_t s = 0; s < predicted.size(); ++s) {
    if (predicted[s].size() == expected[s].size()) continue;
    throw DataError("tags: sentence " + std::to_string(s + 1) + ": expected " +
                    std::to_string(expected[s].size()) + " tags, one a word, given " +
                    std::to_string(predicted[s].size()));
  }
}

}  // namespace heed::metric
