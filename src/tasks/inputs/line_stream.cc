#include "tasks/inputs/line_stream.h"

#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {

SplitPtr LineStream::next(int64_t most) {
  std::vector<TextLine> lines;
  try {
    TextLine line;
    while (!error_ && std::ssize(lines) < most && (lines.empty() || !lines_.would_wait()) &&
           lines_.next(line.text)) {
      line.place = lines_.place();
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

TextLine find_line(const std::string& input) {
  if (flows(input)) return {first_line(input), "the text"};
  const auto [file, number] = numbered(input);
  if (number < 0 || kind_of(file) != PathKind::file) return {input, "the text"};
  data::LineReader reader(file);
  std::string line;
  while (reader.next(line)) {
    if (reader.number() == number) return {line, reader.place()};
  }
  throw UsageError(input + ": the file has no line " + std::to_string(number) + ", expected 1.." +
                   std::to_string(reader.number()));
}

}  // namespace heed
