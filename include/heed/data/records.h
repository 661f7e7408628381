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

/// Something of a file that a reader passed over by its rules, as multiword tokens of CoNLL-U.
struct PassedOver {
  std::string what;  ///< "multiword tokens"
  int64_t count = 0;
  std::string first;  ///< where the first stands: "train.conllu:17"
};

/// A fixed list of records. Every function is const and may be called by several threads at once.
/// Indices out of range throw UsageError, and so does asking a column of lists for a text or a
/// column of texts for a list.
class Records {
 public:
  virtual ~Records() = default;

  virtual int64_t size() const = 0;
  virtual const std::vector<Column>& columns() const = 0;
  /// A cell of a column of texts; empty: missing. Valid as long as the records are.
  virtual std::string_view text(int64_t record, int64_t column) const = 0;
  /// A cell of a column of lists. The texts are valid as long as the records are.
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
  /// What the reader passed over; none by default.
  virtual std::vector<PassedOver> passed_over() const { return {}; }
};
using RecordsPtr = std::shared_ptr<const Records>;

/// The records `numbers` of others, in that order. Throws UsageError for a number out of range.
RecordsPtr subset(RecordsPtr all, std::vector<int64_t> numbers);

/// A text as a finite number: digits, a point, an exponent and a sign, as in "-1.5e3"; no blanks.
/// False where it is none.
bool parse_number(std::string_view text, double& number);

}  // namespace heed::data
