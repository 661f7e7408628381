#include "heed/data/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed::data {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_missing(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() != 3) return false;
  return (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'a' && (text[2] | 0x20) == 'n';
}

std::string file_of(const std::string& place) { return place.substr(0, place.rfind(':')); }

std::vector<int64_t> value_columns(const Records& records, const SeriesOptions& options) {
  std::vector<int64_t> columns;
  for (const auto& name : options.values) columns.push_back(records.column(name));
  if (options.values.empty()) {
    for (size_t i = 0; i < records.columns().size(); ++i) {
      const auto& name = records.columns()[i].name;
      if (name != options.time && name != options.group) columns.push_back(static_cast<int64_t>(i));
    }
  }
  if (columns.empty()) throw UsageError(records.name() + ": series: no column of values");
  for (const int64_t column : columns) {
    const auto& found = records.columns()[static_cast<size_t>(column)];
    if (found.is_list) {
      throw DataError(records.name() + ": column '" + found.name +
                      "' holds lists; expected numbers (name the columns of values)");
    }
  }
  return columns;
}

void check_series_options(const SeriesOptions& options) {
  if (!options.group.empty() && options.by_file) {
    throw UsageError("series: group: expected a column or by_file, given both");
  }
}

/// The records of each series, by name, in the order in which they are met.
std::vector<Series> grouped(const Records& records, const SeriesOptions& options) {
  std::vector<Series> all;
  std::unordered_map<std::string, size_t> known;
  const int64_t column = options.group.empty() ? -1 : records.column(options.group);
  for (int64_t record = 0; record < records.size(); ++record) {
    std::string name = records.name();
    if (column >= 0) name = records.text(record, column);
    if (options.by_file) name = file_of(records.place(record));
    if (name.empty()) {
      throw DataError(records.place(record) + ": column '" + options.group +
                      "': expected the name of a series, given an empty cell");
    }
    const auto [at, is_new] = known.emplace(name, all.size());
    if (is_new) all.emplace_back().name = name;
    all[at->second].records.push_back(record);
  }
  return all;
}

/// Fills what is missing of one column; `values` are T numbers, C apart.
class Filler {
 public:
  Filler(const Series& series, const Records& records, int64_t column)
      : series_(series), records_(records), column_(column) {}

  void fill(MissingValues way, double* values, int64_t stride) const {
    const auto count = static_cast<int64_t>(series_.records.size());
    for (int64_t t = 0; t < count; ++t) {
      if (!std::isnan(values[t * stride])) continue;
      if (way == MissingValues::error)
        refuse(t, "a missing value; choose missing = forward, linear or mask");
      if (t == 0) refuse(t, "a missing value with none before it; begin later, or use mask");
      if (way == MissingValues::forward) {
        values[t * stride] = values[(t - 1) * stride];
        continue;
      }
      int64_t next = t;
      while (next < count && std::isnan(values[next * stride])) ++next;
      if (next == count) refuse(t, "a missing value with none behind it; end earlier, or use mask");
      for (int64_t i = t; i < next; ++i)
        values[i * stride] =
            between(t - 1, next, i, values[(t - 1) * stride], values[next * stride]);
    }
  }

 private:
  [[noreturn]] void refuse(int64_t t, const std::string& what) const {
    throw DataError(records_.place(series_.records[static_cast<size_t>(t)]) + ": column '" +
                    records_.columns()[static_cast<size_t>(column_)].name + "': " + what);
  }

  double time(int64_t t) const {
    return static_cast<double>(series_.times.values[static_cast<size_t>(t)]);
  }

  double between(int64_t from, int64_t to, int64_t at, double left, double right) const {
    const double length = time(to) - time(from);
    return length > 0 ? left + (right - left) * ((time(at) - time(from)) / length) : left;
  }

  const Series& series_;
  const Records& records_;
  int64_t column_;
};

void read_values(const Records& records, const std::vector<int64_t>& columns, MissingValues way,
                 Series& series) {
  const auto rows = static_cast<int64_t>(series.records.size());
  const auto width = static_cast<int64_t>(columns.size());
  series.values = at::empty({rows, width}, at::kDouble);
  series.missing = at::zeros({rows, width}, at::kBool);
  auto* values = series.values.data_ptr<double>();
  auto* missing = series.missing.data_ptr<bool>();
  for (int64_t c = 0; c < width; ++c) {
    const int64_t column = columns[static_cast<size_t>(c)];
    for (int64_t t = 0; t < rows; ++t) {
      const int64_t record = series.records[static_cast<size_t>(t)];
      const bool absent = is_missing(records.text(record, column));
      missing[t * width + c] = absent;
      values[t * width + c] = absent ? kNaN : records.number(record, column);
    }
    if (way != MissingValues::mask) Filler(series, records, column).fill(way, values + c, width);
  }
}

}  // namespace

std::vector<Series> read_series(const Records& records, const SeriesOptions& options) {
  check_series_options(options);
  const auto columns = value_columns(records, options);
  const int64_t time = options.time.empty() ? -1 : records.column(options.time);
  auto all = grouped(records, options);
  for (auto& series : all) {
    if (time >= 0) {
      series.times = read_times(records, time, series.records);
    } else {
      series.times.kind = TimeKind::number;
      series.times.values.resize(series.records.size());
      std::iota(series.times.values.begin(), series.times.values.end(), int64_t{0});
    }
    if (options.sort) series.moved = sort_times(series.times, series.records);
    series.steps = check_order(series.times, records, series.records);
    for (const int64_t column : columns)
      series.columns.push_back(records.columns()[static_cast<size_t>(column)].name);
    read_values(records, columns, options.missing, series);
  }
  return all;
}

}  // namespace heed::data
