// The rows of a table in text, one after another.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "heed/data/lines.h"
#include "heed/data/record_files.h"

namespace heed::data {

struct RowRules {
  char delimiter = ',';
  bool whitespace = false;  ///< any run of blanks and tabs parts cells, instead of the delimiter
  bool quoting = true;      ///< as in RFC 4180
};
/// Of csv and tsv. Throws UsageError for options that do not fit each other.
RowRules row_rules_of(const RecordOptions& options);

class RowReader {
 public:
  RowReader(const std::filesystem::path& file, const RowRules& rules)
      : lines_(file), rules_(rules) {}
  RowReader(LineReader lines, const RowRules& rules) : lines_(std::move(lines)), rules_(rules) {}

  /// Reads the next row; false at the end. Throws DataError for what the rules forbid.
  bool next();
  size_t size() const { return ends_.size(); }
  std::string_view cell(size_t i) const;
  /// Where the row begins.
  int64_t line() const { return first_line_; }
  std::string place() const { return first_place_; }

 private:
  bool next_line();
  size_t plain(size_t at);
  size_t quoted(size_t at);
  void split_at_blanks();
  void check_length(const std::string& place) const;
  [[noreturn]] void fail(const std::string& place, const std::string& what) const;

  LineReader lines_;
  RowRules rules_;
  std::string line_;
  std::string text_;          // of the row's cells, one behind another
  std::vector<size_t> ends_;  // of cells, in text_
  int64_t first_line_ = 0;
  std::string first_place_;
  bool begun_ = false;  // whether a row was read
};

}  // namespace heed::data
