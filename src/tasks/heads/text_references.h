// Several right texts of one source, as the captions of an image: records with equal values of a column.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "heed/tasks/input.h"

namespace heed {

/// Of each example the first one of the same source; without a column that is itself. Throws DataError for an unknown column
/// and an example without a value.
std::vector<int64_t> first_of_sources(const Split& split, const std::string& column);

/// Sources that were learned from, so that none of them is measured.
class LearnedSources {
 public:
  /// Without a column there is nothing to know.
  void learn(const Split& train, const std::string& column);
  /// Throws DataError with the place of an example whose source was learned from.
  void check(const Split& measured) const;

 private:
  std::string column_;
  std::unordered_set<std::string> values_;
};

}  // namespace heed
