#include "tasks/file_names.h"

#include "heed/core/error.h"
#include "tasks/record_stream.h"

namespace heed {

bool FileNames::next(std::string& name, bool may_stop) {
  while (lines_ || next_ < inputs_.size()) {
    if (!lines_) {
      if (is_records_file(inputs_[next_])) return false;
      name = inputs_[next_++];
      if (name != "-") return true;
      lines_.emplace(std::vector{name}, InputLines::Of::names);
    }
    if (may_stop && lines_->would_wait()) return false;
    if (!lines_->next(name)) {
      lines_.reset();
    } else if (name.find('\0') != std::string::npos) {
      throw UsageError(
          lines_->place() +
          ": no name of a file; expected names, one a line, and not what is in a file");
    } else if (!name.empty()) {
      return true;
    }
  }
  return false;
}

std::string FileNames::take_records() {
  const bool is_next = !lines_ && next_ < inputs_.size() && is_records_file(inputs_[next_]);
  return is_next ? inputs_[next_++] : "";
}

}  // namespace heed
