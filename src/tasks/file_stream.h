// Examples that are files each: of names on the command line and on standard input, and of files of records that name some.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "tasks/input_lines.h"
#include "tasks/record_stream.h"

namespace heed {

/// What `heed predict` is given for inputs whose examples are files: names of them, "-" for names from standard input, and files of
/// records that name some. What stands before a bad file is answered before that is reported.
class FileStream : public Stream {
 public:
  FileStream(std::vector<std::string> inputs, data::RecordOptions options)
      : inputs_(std::move(inputs)), options_(std::move(options)) {}

  SplitPtr next(int64_t most) final;

 protected:
  /// How many of at most `most` examples are answered together.
  virtual int64_t together(int64_t most) const = 0;
  /// Whether the file that was taken last has examples left.
  virtual bool has_more() { return false; }
  /// Takes examples, until there are `most`, of that file, or, where it has none left, of the file `name`.
  virtual void take(const std::string& name, int64_t most) = 0;
  /// Of how many examples the next ones are made by now, and whether no more are to be kept with them.
  virtual int64_t taken() const = 0;
  virtual bool is_full() const { return false; }
  /// Those that were taken; the next ones begin anew.
  virtual SplitPtr give() = 0;
  virtual SplitPtr of_records(const data::RecordsPtr& records) const = 0;

 private:
  bool next_name(std::string& name, bool may_stop);
  void open_records(const std::string& file);

  std::vector<std::string> inputs_;
  data::RecordOptions options_;
  size_t next_ = 0;
  std::optional<InputLines> lines_;
  std::optional<RecordStream> records_;
  std::exception_ptr error_;  // of a file behind those that were given
};

}  // namespace heed
