// Lines of text as they come, for inputs that read text of their own.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "heed/tasks/input.h"
#include "tasks/input_lines.h"

namespace heed {

/// Lines of files and of standard input ("-"), an example each.
class LineStream : public Stream {
 public:
  /// Throws for a line that cannot be answered; those before it are given first.
  using Check = std::function<void(const TextLine&)>;
  using Open = std::function<SplitPtr(std::vector<TextLine>)>;

  LineStream(std::vector<std::string> inputs, Check check, Open open)
      : lines_(std::move(inputs)), check_(std::move(check)), open_(std::move(open)) {}
  SplitPtr next(int64_t most) override;

 private:
  InputLines lines_;
  Check check_;
  Open open_;
  std::exception_ptr error_;
};

/// All lines of files.
std::vector<TextLine> lines_of_files(const std::vector<std::string>& files);

struct FileLine {
  std::string file;
  int64_t line;  ///< from 1
};

/// FILE:LINE; nothing where the input is a text. Throws UsageError for the name of a file alone,
/// FileError for FILE:LINE of a name without blanks but with a dot or slash that is no file.
std::optional<FileLine> file_line_of(const std::string& input);

/// Line LINE of FILE:LINE, from 1; of a pipe and "-" the first; another text stands for itself.
/// Throws as file_line_of, UsageError for a line that the file does not have.
TextLine find_line(const std::string& input);

}  // namespace heed
