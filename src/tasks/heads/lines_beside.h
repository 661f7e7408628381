// A file with a line beside each example that is answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "heed/data/lines.h"

namespace heed {

class LinesBeside {
 public:
  LinesBeside() = default;
  /// `flag` stands in messages. Without a file every line is empty.
  LinesBeside(std::string flag, std::string file);

  bool is_given() const { return reader_.has_value(); }
  /// The next line. Throws DataError where there is none for the example at `place`.
  std::string next(const std::string& place);
  std::string place() const { return reader_ ? reader_->place() : ""; }
  /// Throws DataError where the file has more lines than `examples`.
  void check_end(int64_t examples);

 private:
  std::string flag_, file_;
  std::optional<data::LineReader> reader_;
};

}  // namespace heed
