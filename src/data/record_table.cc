#include "data/record_readers.h"
#include "data/record_rows.h"
#include "heed/core/error.h"

namespace heed::data {
RowRules row_rules_of(const RecordOptions& options) {
  const bool csv = options.format == RecordFormat::csv;
  RowRules rules{csv ? ',' : '\t', options.delimiter == "whitespace",
                 options.quoting.value_or(csv)};
  if (rules.whitespace && options.quoting.value_or(false)) {
    throw UsageError("records: quoting: cells between runs of white space have no quotes");
  }
  if (rules.whitespace || options.delimiter.empty()) return rules;
  const char c = options.delimiter[0];
  const bool ascii = options.delimiter.size() == 1 && (c == '\t' || (c >= ' ' && c < 127));
  if (!ascii || (c == '"' && rules.quoting)) {
    throw UsageError("records: delimiter: expected one ASCII character or whitespace, given '" +
                     options.delimiter + "'");
  }
  rules.delimiter = c;
  return rules;
}

namespace {

class TableRows : public RecordReader {
 public:
  explicit TableRows(const RecordOptions& options)
      : rules_(row_rules_of(options)), header_(options.header), names_(options.columns) {
    if (!names_.empty()) check_names(names_, "records: columns");
  }

  void read(const std::filesystem::path& file, RecordStore& store) override {
    RowReader rows(lines_in(file), rules_);
    if (header_) {
      if (!rows.next()) throw DataError(file.string() + ": no header");
      take_header(rows, store);
    }
    while (rows.next()) {
      if (store.columns().empty()) name_columns(rows.size(), store);
      check_size(rows);
      for (size_t i = 0; i < rows.size(); ++i)
        store.set_text(static_cast<int64_t>(i), rows.cell(i));
      store.end_record(rows.line());
    }
  }

 private:
  void take_header(const RowReader& rows, RecordStore& store) {
    std::vector<std::string> names;
    for (size_t i = 0; i < rows.size(); ++i) names.emplace_back(rows.cell(i));
    check_names(names, rows.place());
    if (store.columns().empty()) {
      names_ = names, first_ = rows.place();
      for (const auto& name : names_) store.add_column(name, false);
    } else if (names != names_) {
      throw DataError(rows.place() + ": expected the columns of " + first_ + ": " + quoted(names_) +
                      "; given " + quoted(names));
    }
  }

  /// Of a file without a header: by the first row.
  void name_columns(size_t count, RecordStore& store) {
    if (names_.empty()) {
      for (size_t i = 1; i <= count; ++i) names_.push_back(std::to_string(i));
    }
    for (const auto& name : names_) store.add_column(name, false);
  }

  void check_size(const RowReader& rows) const {
    if (rows.size() == names_.size()) return;
    std::string fix = rules_.quoting ? "; a cell that holds the delimiter stands in quotes" : "";
    if (rows.size() < names_.size()) {
      fix = "; column " + std::to_string(rows.size() + 1) + ", '" + names_[rows.size()] +
            "', is absent";
    }
    throw DataError(rows.place() + ": " + std::to_string(rows.size()) +
                    (rows.size() == 1 ? " cell" : " cells") + ", expected " +
                    std::to_string(names_.size()) + ": " + quoted(names_) + fix);
  }

  RowRules rules_;
  bool header_;
  std::vector<std::string> names_;
  std::string first_;  // where the first header stands
};

}  // namespace

std::unique_ptr<RecordReader> table_reader(const RecordOptions& options) {
  return std::make_unique<TableRows>(options);
}

}  // namespace heed::data
