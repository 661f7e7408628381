#include "tasks/inputs/line_stream.h"

#include <cerrno>

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

std::vector<TextLine> lines_of_files(const std::vector<std::string>& files) {
  std::vector<TextLine> all;
  InputLines lines(files);
  for (std::string line; lines.next(line);) all.push_back({std::move(line), lines.place()});
  return all;
}

std::optional<FileLine> file_line_of(const std::string& input) {
  if (kind_of(input) == PathKind::file)
    throw UsageError(
        input + " is a file, where a text or a line of a file is expected; its first line is " +
        input + ":1");
  const auto [file, number] = numbered(input);
  if (number < 0) return std::nullopt;
  if (kind_of(file) == PathKind::file) return FileLine{file, number};
  // What looks like a file and is none: not a text to be read as it stands.
  const bool is_name = file.find_first_of("./") != std::string::npos &&
                       file.find_first_of(" \t\n") == std::string::npos;
  if (is_name) throw FileError("open", file, ENOENT);
  return std::nullopt;
}

TextLine find_line(const std::string& input) {
  if (flows(input)) return {first_line(input), "the text"};
  const auto found = file_line_of(input);
  if (!found) return {input, "the text"};
  data::LineReader reader(found->file);
  std::string line;
  while (reader.next(line)) {
    if (reader.number() == found->line) return {line, reader.place()};
  }
  throw UsageError(input + ": the file has no line " + std::to_string(found->line) +
                   ", expected 1.." + std::to_string(reader.number()));
}

}  // namespace heed
