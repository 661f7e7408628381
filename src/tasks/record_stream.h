// Records for `heed predict` and `heed map`: files, standard input, single lines.
#pragma once

#include <exception>
#include <functional>
#include <optional>

#include "heed/data/record_files.h"
#include "heed/tasks/input.h"
#include "tasks/inputs/line_stream.h"

namespace heed {

/// Lines of text as records of one column.
data::RecordsPtr line_records(const std::string& column, std::vector<TextLine> lines);

/// Of files that end with .txt, where a line stands for a record, all lines; nothing where one of them does not.
data::RecordsPtr records_of_text_files(const std::vector<std::string>& files,
                                       const std::string& line_column);

/// Whether a file's name says that it holds records.
bool is_records_file(const std::string& name);

using OpenSource = std::function<SplitPtr(const Source&)>;

/// Files are read as the recipe says; where a line of text stands for a record, so do files that
/// end with .txt, standard input and pipes, whose lines are answered as they come. Otherwise
/// standard input and pipes are files of `piped_format`.
class RecordStream : public Stream {
 public:
  RecordStream(std::vector<std::string> inputs, data::RecordOptions options,
               std::string line_column, OpenSource open, data::RecordFormat piped_format);
  SplitPtr next(int64_t most) override;

 private:
  SplitPtr next_lines(int64_t most);
  void open(const std::string& input);

  std::vector<std::string> inputs_;
  data::RecordOptions options_;
  std::string line_column_;
  data::RecordFormat piped_format_;
  OpenSource open_;
  size_t next_ = 0;
  SplitPtr file_;  // of which the examples from first_ on were not given
  int64_t first_ = 0;
  std::optional<InputLines> lines_;
  std::exception_ptr error_;  // of a line behind those that were given
};

/// FILE:LINE, the record that stands there; where lines stand for records, of a pipe and "-" the
/// first line, and another text is a line itself. Throws UsageError.
Source find_record(const std::string& input, const data::RecordOptions& options,
                   const std::string& line_column);

}  // namespace heed
