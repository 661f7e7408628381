// Lines of text as they come, for inputs that read text of their own.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "heed/tasks/input.h"
#include "tasks/input_lines.h"

namespace heed {

struct TextLine {
  std::string text, place;
};

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

/// Line LINE of FILE:LINE, from 1; of a pipe and "-" the first; another text stands for itself.
/// Throws UsageError for a line that the file does not have.
TextLine find_line(const std::string& input);

}  // namespace heed
