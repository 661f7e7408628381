// Series of numbers over time.
#pragma once

#include <torch/types.h>

#include <array>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/records.h"
#include "heed/data/times.h"

namespace heed::data {

/// What an empty cell or nan is: an error; the last value before it; on the line between its
/// neighbours; NaN, which what reads the series masks.
enum class MissingValues { error, forward, linear, mask };
constexpr std::array<const char*, 4> words(MissingValues) {
  return {"error", "forward", "linear", "mask"};
}

/// Which columns make a series; one table of a recipe.
struct SeriesOptions {
  std::string time = "";                 ///< column of times; empty: the records' order
  std::vector<std::string> values = {};  ///< columns of numbers; empty: all others
  std::string group = "";                ///< column whose text says which series a record is of
  bool by_file = false;                  ///< every file is a series of its own
  MissingValues missing = MissingValues::error;
  bool sort = false;  ///< bring the records of a series into time order, where they are not

  template <class Visitor>
  void fields(Visitor&& v) {
    v("time", time, "column of times; empty: the records' order is the time");
    v("values", values, "columns of numbers; empty: all but time and group");
    v("group", group, "column that says which series a record belongs to; empty: one series");
    v("by_file", by_file, "every file is a series of its own");
    v("missing", missing,
      "an empty cell or nan: error; forward: the last value before it; linear: on the line between "
      "its neighbours; mask: stays NaN");
    v("sort", sort, "bring records into time order; otherwise one that is not is an error");
  }
};

struct Series {
  std::string name;                  ///< the group's text, the file, or the records' name
  std::vector<std::string> columns;  ///< C
  Times times;                       ///< T; without a time column 0, 1, ..
  TimeSteps steps;
  int64_t moved = 0;   ///< times before the one above them in the file, which `sort` moved
  at::Tensor values;   ///< (T, C) double; NaN only with missing = "mask"
  at::Tensor missing;  ///< (T, C) bool: what the file does not say
  std::vector<int64_t> records;  ///< T: the record of each row
};

/// Reads series in the order in which they are met; a group's records need not stand together.
/// A missing value is an empty cell or nan. Throws UsageError: group beside by_file, an unknown
/// word for `missing`, no column of values. DataError, with file, line and column: what read_times
/// and check_order throw, no number, a missing value where it is an error, or where `forward` has
/// none before it or `linear` none on both sides. Equal times keep the file's order. Cost: O(T C),
/// with `sort` O(T log T) more.
std::vector<Series> read_series(const Records& records, const SeriesOptions& options);

}  // namespace heed::data
