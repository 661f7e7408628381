#include "tasks/input_lines.h"

#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {

bool InputLines::next(std::string& line) {
  while (true) {
    if (reader_ && reader_->next(line)) return true;
    reader_.reset();
    if (next_ == inputs_.size()) return false;
    const auto& input = inputs_[next_++];
    reader_ = of_ == Of::names ? data::LineReader::names(input) : data::LineReader::once(input);
  }
}

bool InputLines::would_wait() const {
  if (reader_) return !reader_->ready();
  return next_ < inputs_.size() && flows(inputs_[next_]);
}

bool flows(const std::string& input) { return input == "-" || kind_of(input) == PathKind::other; }

std::string first_line(const std::string& input) {
  InputLines lines({input});
  std::string line;
  if (!lines.next(line))
    throw UsageError(input + ": it ends before a line; there is nothing to see");
  return line;
}

std::pair<std::string, int64_t> numbered(const std::string& input) {
  const size_t colon = input.rfind(':');
  const std::string number = colon == std::string::npos ? "" : input.substr(colon + 1);
  const bool is_number = !number.empty() && number.size() < 19 &&
                         number.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) return {input, -1};
  return {input.substr(0, colon), std::stoll(number)};
}

}  // namespace heed
