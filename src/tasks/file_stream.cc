#include "tasks/file_stream.h"

#include "heed/core/error.h"

namespace heed {

SplitPtr FileStream::next(int64_t most) {
  most = together(most);
  if (records_) {
    if (auto some = records_->next(most)) return some;
    records_.reset();
  }
  std::string name;
  try {
    while (taken() < most && !is_full() &&
           (has_more() || (!error_ && next_name(name, taken() > 0))))
      take(name, most);
  } catch (const Error&) {
    if (taken() == 0) throw;
    error_ = std::current_exception();
  }
  if (taken() > 0) return give();
  if (error_) std::rethrow_exception(error_);
  if (next_ == inputs_.size()) return nullptr;
  open_records(inputs_[next_++]);
  return next(most);
}

/// The next file; false at the end, before a file of records, and, with `may_stop`, where standard input would keep us
/// waiting.
bool FileStream::next_name(std::string& name, bool may_stop) {
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

void FileStream::open_records(const std::string& file) {
  records_.emplace(
      std::vector{file}, options_, "",
      [this](const Source& source) { return of_records(source.records); },
      data::RecordFormat::by_name);
}

}  // namespace heed
