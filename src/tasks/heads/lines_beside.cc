#include "tasks/heads/lines_beside.h"

#include "heed/core/error.h"

namespace heed {

LinesBeside::LinesBeside(std::string flag, std::string file)
    : flag_(std::move(flag)), file_(std::move(file)) {
  if (!file_.empty()) reader_.emplace(file_);
}

std::string LinesBeside::next(const std::string& place) {
  std::string line;
  if (!reader_ || reader_->next(line)) return line;
  throw DataError(place + ": " + flag_ + " " + file_ + " ends after " +
                  std::to_string(reader_->number()) + " lines and has none for this one");
}

void LinesBeside::check_end(int64_t examples) {
  std::string line;
  if (!reader_ || !reader_->next(line)) return;
  throw DataError(file_ + " (" + flag_ + ") has more lines than the input, which has " +
                  std::to_string(examples));
}

}  // namespace heed
