#include "tasks/inputs/series_stream.h"

#include <algorithm>
#include <deque>
#include <map>

#include "data/record_readers.h"
#include "data/record_rows.h"
#include "heed/core/error.h"
#include "tasks/input_lines.h"

namespace heed {
namespace {

/// The last rows of a table, with their places.
class LastRows : public data::Records {
 public:
  explicit LastRows(std::vector<data::Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> cells, std::string place, int64_t most) {
    rows_.push_back({std::move(cells), std::move(place)});
    if (size() <= most) return;
    rows_.pop_front(), ++dropped_;
  }
  int64_t dropped() const { return dropped_; }
  void set_last(int64_t column, std::string text) {
    rows_.back().cells[static_cast<size_t>(column)] = std::move(text);
  }

  int64_t size() const override { return std::ssize(rows_); }
  const std::vector<data::Column>& columns() const override { return columns_; }
  std::string_view text(int64_t record, int64_t column) const override {
    return rows_.at(static_cast<size_t>(record)).cells.at(static_cast<size_t>(column));
  }
  std::vector<std::string_view> list(int64_t record, int64_t) const override {
    throw UsageError(place(record) + ": a cell of a table is a text, and no list");
  }
  std::string place(int64_t record) const override {
    return rows_.at(static_cast<size_t>(record)).place;
  }
  std::string name() const override { return "standard input"; }

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string place;
  };
  std::vector<data::Column> columns_;
  std::deque<Row> rows_;
  int64_t dropped_ = 0;
};

/// Rows of standard input; a window ends with each.
class RowWindows {
 public:
  RowWindows(const std::string& input, data::RecordOptions options, SeriesStatePtr state)
      : options_(table(std::move(options))),
        rows_(data::LineReader::once(input), data::row_rules_of(options_)),
        state_(std::move(state)),
        series_options_(state_->options) {
    if (state_->options.columns.missing == data::MissingValues::linear)
      throw UsageError(
          "input.missing = \"linear\" needs the rows behind a missing value, which standard input "
          "has not given yet; set it to forward or mask");
    series_options_.columns.sort = false;  // a row that comes late is refused by its place
  }

  SplitPtr next() {
    if (columns_.empty() && options_.header && !name_columns()) return nullptr;
    if (!rows_.next()) return nullptr;
    if (columns_.empty()) number_columns();
    auto cells = this->cells();
    if (cells.size() != columns_.size())
      throw DataError(rows_.place() + ": expected " + std::to_string(columns_.size()) +
                      " cells, given " + std::to_string(cells.size()));
    const auto& group = state_->options.columns.group;
    std::string name;
    if (!group.empty()) name = cells[static_cast<size_t>(group_column(group))];
    auto& last = series_.try_emplace(name, std::make_shared<LastRows>(columns_)).first->second;
    last->add(std::move(cells), rows_.place(), state_->options.look_back + 1);
    return split(last);
  }

 private:
  static data::RecordOptions table(data::RecordOptions options) {
    using enum data::RecordFormat;
    if (options.format == by_name) options.format = csv;
    if (options.format != csv && options.format != tsv)
      throw UsageError(std::string("rows of standard input are csv or tsv; data.format is ") +
                       word_of(options.format));
    return options;
  }

  std::vector<std::string> cells() const {
    std::vector<std::string> cells;
    for (size_t i = 0; i < rows_.size(); ++i) cells.emplace_back(rows_.cell(i));
    return cells;
  }

  bool name_columns() {
    if (!rows_.next()) return false;
    const auto names = cells();
    data::check_names(names, rows_.place());
    for (const auto& name : names) columns_.push_back({name, false});
    return true;
  }

  void number_columns() {
    auto names = options_.columns;
    for (size_t i = names.size(); i < rows_.size(); ++i) names.push_back(std::to_string(i + 1));
    for (const auto& name : names) columns_.push_back({name, false});
  }

  int64_t group_column(const std::string& group) const { return LastRows(columns_).column(group); }

  SplitPtr split(const std::shared_ptr<LastRows>& last) {
    // read_series_rows keeps what it is given, and more rows follow.
    const auto records = std::make_shared<LastRows>(*last);
    auto rows = std::make_shared<std::vector<SeriesRows>>(
        read_series_rows(records, series_options_, false));
    auto& found = rows->front();
    found.first = last->dropped();
    check_steps(found, state_->options);
    const int64_t row = found.size() - 1;
    keep_filled(*last, found);
    return std::make_shared<SeriesSplit>(std::move(rows), std::vector<SeriesWindow>{{0, row}},
                                         state_);
  }

  /// A missing value that took the one before it, whose row will be gone one day.
  void keep_filled(LastRows& last, const SeriesRows& found) const {
    if (state_->options.columns.missing != data::MissingValues::forward) return;
    const int64_t row = found.size() - 1;
    for (int64_t c = 0; c < found.values.size(0); ++c) {
      if (!found.facts.missing[row][c].item<bool>()) continue;
      char text[32];
      std::snprintf(text, sizeof text, "%.17g", found.values[c][row].item<double>());
      last.set_last(last.column(found.facts.columns[static_cast<size_t>(c)]), text);
    }
  }

  data::RecordOptions options_;
  data::RowReader rows_;
  SeriesStatePtr state_;
  SeriesInputOptions series_options_;
  std::vector<data::Column> columns_;
  std::map<std::string, std::shared_ptr<LastRows>> series_;
};

class SeriesStream : public Stream {
 public:
  SeriesStream(std::vector<std::string> inputs, data::RecordOptions records, SeriesStatePtr state,
               OpenSeries open)
      : inputs_(std::move(inputs)),
        records_(std::move(records)),
        state_(std::move(state)),
        open_(std::move(open)) {}

  SplitPtr next(int64_t most) override {
    while (true) {
      if (file_ && first_ < file_->size()) {
        const auto& all = file_->windows();
        const int64_t count = std::min(most, file_->size() - first_);
        std::vector<SeriesWindow> some(all.begin() + first_, all.begin() + first_ + count);
        first_ += count;
        return file_->with(std::move(some));
      }
      if (rows_) {
        if (auto split = rows_->next()) return split;
        rows_.reset();
      }
      if (next_ == inputs_.size()) return nullptr;
      open(inputs_[next_++]);
    }
  }

 private:
  void open(const std::string& input) {
    file_ = nullptr, first_ = 0;
    if (flows(input) && state_->options.answer == SeriesAnswer::rows) {
      rows_.emplace(input, records_, state_);
      return;
    }
    auto options = records_;
    if (flows(input) && options.format == data::RecordFormat::by_name)
      options.format = data::RecordFormat::csv;
    file_ = open_(data::open_records({input}, options));
  }

  std::vector<std::string> inputs_;
  data::RecordOptions records_;
  SeriesStatePtr state_;
  OpenSeries open_;
  size_t next_ = 0;
  std::shared_ptr<const SeriesSplit> file_;
  int64_t first_ = 0;
  std::optional<RowWindows> rows_;
};

}  // namespace

std::unique_ptr<Stream> make_series_stream(std::vector<std::string> inputs,
                                           const data::RecordOptions& records, SeriesStatePtr state,
                                           OpenSeries open) {
  return std::make_unique<SeriesStream>(std::move(inputs), records, std::move(state),
                                        std::move(open));
}

}  // namespace heed
