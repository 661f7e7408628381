// Files as they are named, one after the other, on the command line or on standard input.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tasks/input_lines.h"

namespace heed {

/// What `heed predict` is given for inputs whose examples are files: names of them, "-" for names from standard input, and files of
/// records that name some.
class FileNames {
 public:
  explicit FileNames(std::vector<std::string> inputs) : inputs_(std::move(inputs)) {}

  /// The next file; false at the end, before a file of records, and, with `may_stop`, where standard input would keep us
  /// waiting.
  bool next(std::string& name, bool may_stop);
  /// The file of records that is next; empty: none is.
  std::string take_records();

 private:
  std::vector<std::string> inputs_;
  size_t next_ = 0;
  std::optional<InputLines> lines_;
};

}  // namespace heed
