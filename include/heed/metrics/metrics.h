// What the metrics of this folder share: names with values, and counts with precision and recall.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace heed {

/// Metrics by name, in the order in which they are shown.
using Metrics = std::vector<std::pair<std::string, double>>;

/// Things that were predicted beside things that there are; `correct` of them are the same.
struct MatchCounts {
  int64_t correct = 0, predicted = 0, expected = 0;

  MatchCounts& operator+=(const MatchCounts& other);
  bool operator==(const MatchCounts&) const = default;

  double precision() const;  ///< correct / predicted; 0 where nothing was predicted
  double recall() const;     ///< correct / expected; 0 where nothing was expected
  /// 2 P R / (P + R) = 2 correct / (predicted + expected); 0 where both are 0.
  double f1() const;
};

}  // namespace heed
