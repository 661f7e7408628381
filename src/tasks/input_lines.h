// Lines as they come, of whatever `heed predict` and `heed map` are given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heed/data/lines.h"

namespace heed {

/// Lines of files, pipes and standard input ("-"), one after another.
class InputLines {
 public:
  enum class Of { texts, names };  ///< names of files may be any bytes
  explicit InputLines(std::vector<std::string> inputs, Of of = Of::texts)
      : inputs_(std::move(inputs)), of_(of) {}

  /// False at the end. Throws as LineReader does.
  bool next(std::string& line);
  /// Might next() wait for whoever writes?
  bool would_wait() const;
  std::string place() const { return reader_->place(); }  ///< of the line that next() gave

 private:
  std::vector<std::string> inputs_;
  Of of_;
  size_t next_ = 0;
  std::optional<data::LineReader> reader_;
};

/// Standard input, a pipe or a terminal: what has neither a size nor a name that says its format,
/// and can be read once.
bool flows(const std::string& input);

/// The first line of what flows, without its end. Throws UsageError where there is none.
std::string first_line(const std::string& input);

/// FILE and N of "FILE:N"; N is -1 where the text does not end so.
std::pair<std::string, int64_t> numbered(const std::string& input);

}  // namespace heed
