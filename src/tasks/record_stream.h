// Records for `heed predict` and `heed map`: files, standard input, single lines.
#pragma once

#include <functional>
#include <optional>

#include "heed/data/record_files.h"
#include "heed/tasks/input.h"

namespace heed {

using OpenSource = std::function<SplitPtr(const Source&)>;

/// Files are read as the recipe says; where a line of text stands for a record, so do files that
/// end with .txt, and standard input, which is answered as it comes. Otherwise standard input is a
/// file of `piped_format`.
class RecordStream : public Stream {
 public:
  RecordStream(std::vector<std::string> inputs, data::RecordOptions options,
               std::string line_column, OpenSource open, std::string piped_format);
  SplitPtr next(int64_t most) override;

 private:
  SplitPtr next_lines(int64_t most);

  std::vector<std::string> inputs_;
  data::RecordOptions options_;
  std::string line_column_, piped_format_;
  OpenSource open_;
  size_t next_ = 0;
  SplitPtr file_;  // of which the examples from first_ on were not given
  int64_t first_ = 0, line_ = 0;
};

/// FILE:LINE, the record that stands there; another text is a line itself, where lines stand for
/// records. Throws UsageError.
Source find_record(const std::string& input, const data::RecordOptions& options,
                   const std::string& line_column);

}  // namespace heed
