#include "tasks/inputs/series_rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <sstream>

#include "heed/core/error.h"

namespace heed {
namespace {

/// Without the records at the end of each series that have no value at all.
data::RecordsPtr with_values(const data::RecordsPtr& records, const SeriesInputOptions& options,
                             const std::vector<std::string>& values) {
  std::vector<int64_t> columns, kept;
  for (const auto& name : values) columns.push_back(records->column(name));
  const auto& group = options.columns.group;
  const int64_t of_group = group.empty() ? -1 : records->column(group);
  std::set<std::string> ended;
  for (int64_t record = records->size() - 1; record >= 0; --record) {
    std::string name;
    if (of_group >= 0) name = records->text(record, of_group);
    const auto place = records->place(record);
    if (options.columns.by_file) name = place.substr(0, place.rfind(':'));
    const bool empty = std::all_of(columns.begin(), columns.end(), [&](int64_t column) {
      return records->text(record, column).empty();
    });
    if (empty && !ended.contains(name)) continue;
    ended.insert(name);
    kept.push_back(record);
  }
  if (std::ssize(kept) == records->size()) return records;
  std::reverse(kept.begin(), kept.end());
  return data::subset(records, std::move(kept));
}

std::vector<std::string> value_names(const data::Records& records,
                                     const SeriesInputOptions& options) {
  if (!options.columns.values.empty()) return options.columns.values;
  std::vector<std::string> names;
  for (const auto& column : records.columns()) {
    const bool other =
        column.name == options.columns.time || column.name == options.columns.group ||
        std::find(options.known.begin(), options.known.end(), column.name) != options.known.end();
    if (!other) names.push_back(column.name);
  }
  return names;
}

/// The time `steps` usual steps behind the last one.
int64_t time_behind(const data::Series& series, int64_t steps) {
  const int64_t last = series.times.values.back();
  if (!series.steps.in_months) return last + steps * series.steps.usual;
  using namespace std::chrono;
  const sys_seconds moment{seconds(last)};
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const auto month = year_month{date.year(), date.month()} + months(steps * series.steps.usual);
  const auto moved = sys_days{month / date.day()};
  return (moved.time_since_epoch() + (moment - day)) / seconds(1);
}

}  // namespace

namespace {

std::string numbers_text(const std::vector<double>& numbers) {
  std::ostringstream text;
  for (size_t i = 0; i < numbers.size(); ++i) text << (i ? ", " : "") << numbers[i];
  return text.str();
}

}  // namespace

void SeriesInputOptions::check() const {
  if (!columns.group.empty() && columns.by_file)
    throw ModelError("group: expected a column or by_file, given both");
  check_apart({{"time", {columns.time}},
               {"group", {columns.group}},
               {"values", columns.values},
               {"known", known}});
  if (borders.empty()) return;
  if (borders.size() != 3)
    throw ModelError("borders: expected the ends of train, valid and test, given " +
                     std::to_string(borders.size()) + " numbers");
  if (!std::is_sorted(borders.begin(), borders.end()) || borders[0] <= 0)
    throw ModelError("borders: expected rising numbers above 0, given " + numbers_text(borders));
  if (borders.back() <= 1) return;
  for (const double border : borders)
    if (border != std::floor(border))
      throw ModelError(
          "borders: expected whole numbers of rows, or three shares of at most 1, given " +
          numbers_text(borders));
}

std::string SeriesRows::place(int64_t row) const {
  const auto last = std::ssize(facts.records) - 1;
  return records->place(facts.records[static_cast<size_t>(std::clamp<int64_t>(row, 0, last))]);
}

std::string SeriesRows::time(int64_t row) const {
  const auto time = row < size() ? facts.times.values.at(static_cast<size_t>(row))
                                 : time_behind(facts, row - size() + 1);
  return data::time_text(time, facts.times.kind);
}

std::vector<SeriesRows> read_series_rows(const data::RecordsPtr& records,
                                         const SeriesInputOptions& options, bool ahead) {
  auto columns = options.columns;
  columns.values = value_names(*records, options);
  const bool reads_known = !options.known.empty();
  const auto valued =
      ahead && reads_known ? with_values(records, options, columns.values) : records;
  auto all = data::read_series(*valued, columns);
  std::vector<data::Series> known;
  if (reads_known) {
    columns.values = options.known, columns.missing = data::MissingValues::error;
    known = data::read_series(*records, columns);
  }
  std::vector<SeriesRows> rows;
  for (auto& series : all) {
    auto& next = rows.emplace_back();
    next.values = series.values.t().contiguous();
    next.records = valued;
    for (const auto& other : known)
      if (other.name == series.name) next.known = other.values.t().contiguous();
    next.facts = std::move(series);
  }
  return rows;
}

std::vector<std::string> irregular_steps(const SeriesRows& rows) {
  const auto& steps = rows.facts.steps;
  std::vector<std::string> lines;
  const auto say = [&](int64_t count, const char* what, int64_t row) {
    if (count == 0) return;
    std::string line = what;
    line += ": " + std::to_string(count);
    if (row > 0)
      line +=
          ", first at " + rows.place(row) + ": " + rows.time(row) + " behind " + rows.time(row - 1);
    lines.push_back(line);
  };
  say(steps.gaps, "steps longer than the usual one", steps.first_gap);
  say(steps.repeats, "times that stand twice", steps.first_repeat);
  say(steps.others, "steps shorter than the usual one", -1);
  return lines;
}

void check_steps(const SeriesRows& rows, const SeriesInputOptions& options) {
  if (options.steps == SeriesSteps::any) return;
  const auto lines = irregular_steps(rows);
  if (lines.empty()) return;
  throw DataError(rows.facts.name + ": " + lines.front() +
                  "; fill or remove these rows, or let rows follow each other whatever time is "
                  "between them by input.steps = \"any\"");
}

std::pair<int64_t, int64_t> rows_of_part(const SeriesInputOptions& options, const std::string& role,
                                         int64_t size) {
  const auto& borders = options.borders;
  if (borders.empty() || role == "input") return {0, size};
  const bool shares = borders.back() <= 1;
  const auto border = [&](size_t i) {
    if (!shares) return std::min(size, static_cast<int64_t>(borders[i]));
    const bool limited = i < 2 && options.border_rows > 0;
    const int64_t rows = limited ? std::min(size, options.border_rows) : size;
    return static_cast<int64_t>(borders[i] * static_cast<double>(rows) + 1e-9);
  };
  if (role == "train") return {0, border(0)};
  return role == "valid" ? std::pair{border(0), border(1)} : std::pair{border(1), border(2)};
}

}  // namespace heed
