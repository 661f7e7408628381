#include "tasks/inputs/table_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.h"
#include "formats/json_object.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr size_t kMostQuantiles = 1000;
// A column of texts with more values than this, most of them there once, holds texts or names.
constexpr size_t kFewCategories = 50;

bool is_among(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// What all cells of a column are.
struct SeenColumn {
  bool numbers = true;
  size_t cells = 0;
  std::set<std::string_view> values;
};

SeenColumn see_column(const data::Records& records, int64_t column, const TableOptions& options) {
  SeenColumn seen;
  for (int64_t i = 0; i < records.size(); ++i) {
    const auto cell = records.text(i, column);
    if (is_missing(std::string(cell), options)) continue;
    double x = 0;
    seen.numbers = seen.numbers && data::parse_number(cell, x);
    ++seen.cells;
    seen.values.insert(cell);
  }
  return seen;
}

/// At equal steps from the least to the greatest, between neighbours by their distance.
std::vector<double> quantiles_of(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const size_t count = std::clamp<size_t>(numbers.size(), 2, kMostQuantiles);
  std::vector<double> quantiles;
  for (size_t i = 0; i < count; ++i) {
    const double at = static_cast<double>(i) * static_cast<double>(numbers.size() - 1) /
                      static_cast<double>(count - 1);
    const auto below = static_cast<size_t>(at);
    const double part = at - static_cast<double>(below);
    const double above = numbers[std::min(below + 1, numbers.size() - 1)];
    quantiles.push_back(numbers[below] + part * (above - numbers[below]));
  }
  return quantiles;
}

NumberColumn learn_number(const Split& train, const std::string& name,
                          const TableOptions& options) {
  std::vector<double> all;
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < train.size(); ++i) {
    const double x = number_of(train, i, name, options);
    if (std::isnan(x)) continue;
    all.push_back(x);
    const double step = x - mean;
    mean += step / static_cast<double>(all.size());
    squares += step * (x - mean);
  }
  if (all.empty())
    throw DataError("the column '" + name +
                    "' of the training data has no number; leave it out of input.numbers");
  NumberColumn column{name, mean, std::sqrt(squares / static_cast<double>(all.size()))};
  if (column.deviation == 0 && options.scale == NumberScale::standard)
    throw DataError(text_of("the column '", name, "' of the training data is ", mean,
                            " in every record that has it, so it has no scale; name the other "
                            "columns in input.numbers, or keep numbers as they are by input.scale "
                            "= \"none\""));
  if (options.scale == NumberScale::quantile) column.quantiles = quantiles_of(std::move(all));
  return column;
}

void number_values(CategoryColumn& column) {
  for (const auto& value : column.values)
    column.number_of.emplace(value, std::ssize(column.number_of) + 1);
}

CategoryColumn learn_category(const Split& train, const std::string& name,
                              const TableOptions& options) {
  std::set<std::string> values;
  for (int64_t i = 0; i < train.size(); ++i) {
    auto cell = train.value(i, name);
    if (!is_missing(cell, options)) values.insert(std::move(cell));
  }
  CategoryColumn column{name, {values.begin(), values.end()}};
  number_values(column);
  return column;
}

/// The share of quantiles that are at most x, between two of them by the distance; where several are
/// equal to x the middle of their shares.
double share_below(double x, const std::vector<double>& quantiles) {
  const auto low = std::lower_bound(quantiles.begin(), quantiles.end(), x);
  const auto high = std::upper_bound(low, quantiles.end(), x);
  const double last = static_cast<double>(quantiles.size() - 1);
  if (low != high)
    return static_cast<double>((low - quantiles.begin()) + (high - quantiles.begin()) - 1) / 2 /
           last;
  if (low == quantiles.begin()) return 0;
  if (low == quantiles.end()) return 1;
  const double part = (x - low[-1]) / (*low - low[-1]);
  return (static_cast<double>(low - quantiles.begin()) - 1 + part) / last;
}

}  // namespace

bool is_missing(const std::string& cell, const TableOptions& options) {
  return cell.empty() || is_among(options.missing, cell);
}

double number_of(const Split& split, int64_t example, const std::string& column,
                 const TableOptions& options) {
  const auto cell = split.value(example, column);
  if (is_missing(cell, options)) return std::numeric_limits<double>::quiet_NaN();
  double x = 0;
  if (data::parse_number(cell, x) && std::isfinite(x)) return x;
  throw DataError(split.place(example) + ": the column '" + column +
                  "': expected a finite number, given '" + cell +
                  "'; correct it, say input.missing = [\"" + cell +
                  "\"] if it means that there is none, or name the column in input.categories");
}

std::vector<std::string> choose_columns(const data::Records& records,
                                        const std::vector<std::string>& targets,
                                        TableOptions& options) {
  std::vector<std::string> left_out;
  for (const auto* names : {&options.numbers, &options.categories})
    for (const auto& name : *names) {
      const auto column = static_cast<size_t>(records.column(name));
      if (records.columns()[column].is_list)
        throw DataError(records.name() + ": the column '" + name +
                        "' holds lists; a table has a number or a category in each cell");
      if (is_among(targets, name))
        throw DataError(
            "the column '" + name +
            "' is what a head answers and cannot be read, too; leave it out of [input]");
    }
  for (const auto& name : options.ignore) records.column(name);
  if (!options.numbers.empty() || !options.categories.empty()) return left_out;
  for (int64_t i = 0; i < std::ssize(records.columns()); ++i) {
    const auto& [name, is_list] = records.columns()[static_cast<size_t>(i)];
    if (is_among(targets, name) || is_among(options.ignore, name)) continue;
    if (is_list) {
      left_out.push_back(name + ": holds lists");
      continue;
    }
    const auto seen = see_column(records, i, options);
    if (seen.cells == 0) {
      left_out.push_back(name + ": is empty");
    } else if (seen.numbers) {
      options.numbers.push_back(name);
    } else if (seen.values.size() > kFewCategories && 2 * seen.values.size() > seen.cells) {
      left_out.push_back(name +
                         ": most of its texts stand there once; name it in "
                         "input.categories to take it");
    } else {
      options.categories.push_back(name);
    }
  }
  if (options.numbers.empty() && options.categories.empty())
    throw DataError(records.name() + ": no column beside the heads' holds numbers or categories");
  return left_out;
}

TableColumns learn_columns(const Split& train, const TableOptions& options) {
  TableColumns columns;
  for (const auto& name : options.numbers)
    columns.numbers.push_back(learn_number(train, name, options));
  for (const auto& name : options.categories)
    columns.categories.push_back(learn_category(train, name, options));
  return columns;
}

at::Tensor scaled(const at::Tensor& numbers, const NumberColumn& column, NumberScale scale) {
  if (scale == NumberScale::none) return numbers;
  if (scale == NumberScale::standard) return (numbers - column.mean) / column.deviation;
  auto shares = numbers.clone();
  auto* share = shares.data_ptr<double>();
  // As far out as half a record of the quantiles, so that the ends stay finite.
  const double end = 0.5 / static_cast<double>(column.quantiles.size());
  for (int64_t i = 0; i < shares.numel(); ++i)
    if (!std::isnan(share[i]))
      share[i] = std::clamp(share_below(share[i], column.quantiles), end, 1 - end);
  return at::erfinv(2 * shares - 1) * std::sqrt(2.0);
}

std::string columns_file(const TableColumns& columns) {
  using Json = nlohmann::ordered_json;
  Json json{{"numbers", Json::array()}, {"categories", Json::array()}};
  for (const auto& column : columns.numbers) {
    Json entry{{"name", column.name}, {"mean", column.mean}, {"std", column.deviation}};
    if (!column.quantiles.empty()) entry["quantiles"] = column.quantiles;
    json["numbers"].push_back(entry);
  }
  for (const auto& column : columns.categories)
    json["categories"].push_back({{"name", column.name}, {"values", column.values}});
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

TableColumns columns_from_file(const std::string& text, const std::string& name,
                               const TableOptions& options) {
  TableColumns columns;
  std::vector<std::string> numbers, categories;
  const JsonObject json(text, name);
  for (const auto& entry : json.objects("numbers")) {
    NumberColumn column{entry.text("name"), entry.number("mean"), entry.number("std")};
    if (options.scale == NumberScale::standard && !(column.deviation > 0))
      entry.refuse("std", "expected a number above 0");
    if (options.scale == NumberScale::quantile) {
      column.quantiles = entry.numbers("quantiles");
      if (column.quantiles.size() < 2 ||
          !std::is_sorted(column.quantiles.begin(), column.quantiles.end()))
        entry.refuse("quantiles", "expected two numbers or more, none below the one before");
    }
    numbers.push_back(column.name);
    columns.numbers.push_back(std::move(column));
  }
  for (const auto& entry : json.objects("categories")) {
    CategoryColumn column{entry.text("name"), entry.texts("values")};
    number_values(column);
    categories.push_back(column.name);
    columns.categories.push_back(std::move(column));
  }
  if (numbers != options.numbers || categories != options.categories)
    throw ModelError(name + ": its columns are not those of input.numbers and input.categories");
  return columns;
}

}  // namespace heed
