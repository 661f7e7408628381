// Records with named columns, whatever file they came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace heed::data {

/// What the cells of a column hold: a text (numbers are texts until somebody reads them), or a list
/// of texts, one per word (CoNLL).
struct Column {
  std::string name;
  bool is_list = false;
};

/// A fixed list of records. Every function is const and may be called by several threads at once.
/// Indices out of range throw UsageError.
class Records {
 public:
  virtual ~Records() = default;

  virtual int64_t size() const = 0;
  virtual const std::vector<Column>& columns() const = 0;
  /// A cell of a column of texts; empty: missing.
  virtual std::string_view text(int64_t record, int64_t column) const = 0;
  /// A cell of a column of lists.
  virtual std::vector<std::string_view> list(int64_t record, int64_t column) const = 0;
  /// Where the record stands, for messages: "train.csv:17".
  virtual std::string place(int64_t record) const = 0;

  /// The column's number. Throws DataError that names the file, the column, the nearest name and
  /// what columns there are.
  int64_t column(const std::string& name) const;
  /// A cell as a finite number. Throws DataError with file, line and column for anything else, an
  /// empty cell too.
  double number(int64_t record, int64_t column) const;
  /// What to call the whole in messages: "train.csv".
  virtual std::string name() const = 0;
};
using RecordsPtr = std::shared_ptr<const Records>;

}  // namespace heed::data
