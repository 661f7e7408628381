#include "tasks/inputs/line_stream.h"

#include <iostream>

#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {

SplitPtr LineStream::next(int64_t most) {
  std::vector<TextLine> lines;
  try {
    TextLine line;
    while (!error_ && std::ssize(lines) < most && read(line, !lines.empty())) {
      check_(line);
      lines.push_back(std::move(line));
    }
  } catch (const Error&) {
    // What stands before a bad line is answered before it is reported.
    error_ = std::current_exception();
  }
  if (!lines.empty()) return open_(std::move(lines));
  if (error_) std::rethrow_exception(error_);
  return nullptr;
}

bool LineStream::read(TextLine& line, bool may_stop) {
  for (; next_ < inputs_.size(); ++next_) {
    if (inputs_[next_] == "-") {
      if (may_stop && std::cin.rdbuf()->in_avail() <= 0) return false;
      if (!std::getline(std::cin, line.text)) continue;
      if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
      line.place = "standard input:" + std::to_string(++line_);
      return true;
    }
    if (!reader_) reader_.emplace(inputs_[next_]);
    if (reader_->next(line.text)) {
      line.place = reader_->place();
      return true;
    }
    reader_.reset();
  }
  return false;
}

TextLine find_line(const std::string& input) {
  const size_t colon = input.rfind(':');
  const std::string number = colon == std::string::npos ? "" : input.substr(colon + 1);
  const bool numbered = !number.empty() && number.size() < 19 &&
                        number.find_first_not_of("0123456789") == std::string::npos;
  const std::string file = input.substr(0, colon);
  if (!numbered || kind_of(file) != PathKind::file) return {input, "the text"};
  data::LineReader reader(file);
  std::string line;
  while (reader.next(line)) {
    if (reader.number() == std::stoll(number)) return {line, reader.place()};
  }
  throw UsageError(input + ": the file has no line " + number + ", expected 1.." +
                   std::to_string(reader.number()));
}

}  // namespace heed
