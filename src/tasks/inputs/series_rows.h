// Series as the input reads them: which rows a part has, on what scale, with what around them.
#pragma once

#include <array>
#include <optional>

#include "heed/data/series.h"
#include "heed/tasks/input.h"

namespace heed {

enum class SeriesSteps { regular, any };
constexpr std::array<const char*, 2> words(SeriesSteps) { return {"regular", "any"}; }

enum class Standardize { columns, none };
constexpr std::array<const char*, 2> words(Standardize) { return {"columns", "none"}; }

enum class SeriesAnswer { ahead, rows };
constexpr std::array<const char*, 2> words(SeriesAnswer) { return {"ahead", "rows"}; }

struct SeriesInputOptions {
  data::SeriesOptions columns;
  std::vector<std::string> known;
  int64_t look_back = 96, horizon = 24, stride = 1;
  std::vector<double> borders;
  int64_t border_rows = 0;
  SeriesSteps steps = SeriesSteps::regular;
  Standardize standardize = Standardize::columns;
  SeriesAnswer answer = SeriesAnswer::ahead;

  template <class Visitor>
  void fields(Visitor&& v) {
    columns.fields(v);
    v("known", known, "columns of numbers that are known ahead, as a price or the hour");
    v("look_back", look_back, "rows that are read before what is forecast",
      between(1, kMostLength));
    v("horizon", horizon, "rows that are forecast", between(1, kMostLength));
    v("stride", stride, "rows from one training window to the next", between(1, kMostLength));
    v("borders", borders,
      "ends of the training, validation and test rows of each series, so that one file serves all "
      "three; shares of its rows where all are at most 1, numbers of rows otherwise; empty: a part "
      "is all rows of its files",
      between(0, kMostCount));
    if (!borders.empty())
      v("border_rows", border_rows,
        "shares of training and validation count so many rows of a series at most; 0: all",
        between(0, kMostCount));
    v("steps", steps,
      "regular: other steps than the usual one and times that stand twice are refused; any: rows "
      "follow each other, whatever time is between them");
    v("standardize", standardize,
      "columns: each has mean 0 and deviation 1 over the training rows of all series, and metrics "
      "are on that scale; none: values as they are");
    v("answer", answer,
      "ahead: what follows the end of each series of a file; rows: every row of it, each from "
      "those "
      "before it");
  }
  void check() const;
};

/// A series and the records that it stands in.
struct SeriesRows {
  data::Series facts;  ///< names, times, steps
  at::Tensor values;   ///< (C, T) double, as the file has them; NaN: missing
  at::Tensor known;    ///< (K, T + rows ahead) double; undefined: none
  data::RecordsPtr records;
  int64_t first = 0;  ///< number of the first row, where those before it were dropped

  int64_t size() const { return values.size(1); }
  std::string place(int64_t row) const;
  /// Of any row, those behind the end by the usual step.
  std::string time(int64_t row) const;
};

/// Reads the series of a part. `ahead`: records at the end of a series without a value say what is
/// known ahead. Throws what read_series throws, ModelError for options that do not fit.
std::vector<SeriesRows> read_series_rows(const data::RecordsPtr& records,
                                         const SeriesInputOptions& options, bool ahead);

/// Irregular steps of a series: lines with the number and the first place.
std::vector<std::string> irregular_steps(const SeriesRows& rows);
/// Throws DataError for them, where the options refuse them.
void check_steps(const SeriesRows& rows, const SeriesInputOptions& options);

/// Rows [first, last) of a series of `size` rows that a part's targets may be in.
std::pair<int64_t, int64_t> rows_of_part(const SeriesInputOptions& options, const std::string& role,
                                         int64_t size);

}  // namespace heed
