// Lines of text as they come, for inputs that read text of their own.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "heed/data/lines.h"
#include "heed/tasks/input.h"

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
      : inputs_(std::move(inputs)), check_(std::move(check)), open_(std::move(open)) {}
  SplitPtr next(int64_t most) override;

 private:
  /// False at the end, and with `may_stop` where standard input would keep us waiting.
  bool read(TextLine& line, bool may_stop);

  std::vector<std::string> inputs_;
  Check check_;
  Open open_;
  size_t next_ = 0;
  std::optional<data::LineReader> reader_;
  int64_t line_ = 0;  // of standard input
  std::exception_ptr error_;
};

/// Line LINE of FILE:LINE, from 1; another text stands for itself. Throws UsageError for a line
/// that the file does not have.
TextLine find_line(const std::string& input);

}  // namespace heed
