// Windows of series as examples.
#pragma once

#include "tasks/inputs/series_rows.h"

namespace heed {

/// What splits share with their input, which learns after the first was opened.
struct SeriesState {
  SeriesInputOptions options;
  std::vector<std::string> columns;  ///< C
  std::vector<double> mean, std;     ///< C; 0 and 1 where values stay as they are
  std::vector<double> known_mean, known_std;

  int64_t channels() const { return std::ssize(columns); }
  int64_t known() const { return std::ssize(options.known); }
  bool observed() const { return options.columns.missing == data::MissingValues::mask; }
};
using SeriesStatePtr = std::shared_ptr<const SeriesState>;

/// The rows from `row` on are forecast.
struct SeriesWindow {
  int64_t series, row;
};

/// Batches: past (B, C, T); with known columns past_known (B, K, T) and future_known (B, K, H); with
/// missing = "mask" observed (B, C, T); where all windows have their future, future (B, C, H) and
/// with "mask" future_observed. Float, standardised. A window that begins before its series has the
/// first row there.
class SeriesSplit : public Split {
 public:
  using Rows = std::shared_ptr<const std::vector<SeriesRows>>;
  SeriesSplit(Rows rows, std::vector<SeriesWindow> windows, SeriesStatePtr state)
      : rows_(std::move(rows)), windows_(std::move(windows)), state_(std::move(state)) {}

  int64_t size() const override { return std::ssize(windows_); }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::string place(int64_t example) const override;
  Shown show(int64_t example) const override;
  std::vector<TokenPlace> grid_tokens(int64_t example, const TokenGrid& grid) const override;
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t example, const std::string& column, const Draw&) const override;

  const SeriesState& state() const { return *state_; }
  const std::vector<SeriesWindow>& windows() const { return windows_; }
  const SeriesWindow& window(int64_t example) const {
    return windows_.at(static_cast<size_t>(example));
  }
  const std::vector<SeriesRows>& rows() const { return *rows_; }
  const SeriesRows& rows_of(int64_t example) const {
    return (*rows_)[static_cast<size_t>(window(example).series)];
  }
  bool has_future(int64_t example) const;
  /// Row of the series, counted from its beginning.
  int64_t row_number(int64_t example) const { return rows_of(example).first + window(example).row; }
  std::shared_ptr<const SeriesSplit> with(std::vector<SeriesWindow> windows) const {
    return std::make_shared<SeriesSplit>(rows_, std::move(windows), state_);
  }
  /// Rows [first, last) that the windows of a series look at, without those before its beginning;
  /// {0, 0} where it has none.
  std::vector<std::pair<int64_t, int64_t>> covered() const;

 private:
  Rows rows_;
  std::vector<SeriesWindow> windows_;
  SeriesStatePtr state_;
};

/// Throws ModelError where the split is none of the input `series`; `who` asks for it.
const SeriesSplit& series_split(const Split& split, const std::string& who);

}  // namespace heed
