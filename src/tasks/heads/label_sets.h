// The labels of examples that may have several, or none.
#pragma once

#include <string>
#include <vector>

#include "heed/tasks/input.h"
#include "tasks/heads/classes.h"

namespace heed {

/// The labels of an example: the items of a list, or what stands between separators, without the
/// blanks around it. Throws DataError for an empty label between two separators, and one that
/// stands there twice.
std::vector<std::string> labels_of(const Split& split, int64_t example, const std::string& column,
                                   const std::string& separator);

/// What training knows: its labels, how often each occurs, and the set that is most frequent (of
/// equal ones the first by its bytes).
struct LabelSets {
  Classes labels;
  std::vector<std::string> most_frequent;

  /// Throws DataError where there is no label.
  static LabelSets of(const Split& train, const std::string& column, const std::string& separator);
  /// A row of 0 and 1. Throws DataError with the place for a label that training did not have.
  std::vector<int64_t> row(const std::vector<std::string>& of, const std::string& place) const;

  std::string file() const;  ///< JSON
  static LabelSets from_file(const Files& files, const std::string& name);
};

}  // namespace heed
