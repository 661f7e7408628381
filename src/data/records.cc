#include "heed/data/records.h"

#include <charconv>
#include <cmath>

#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed::data {

int64_t Records::column(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& column : columns()) {
    if (column.name == name) return static_cast<int64_t>(names.size());
    names.push_back(column.name);
  }
  const std::string near = nearest_name(name, names);
  std::string known;
  for (const auto& each : names) known += (known.empty() ? "'" : ", '") + each + "'";
  throw DataError(this->name() + ": no column '" + name + "'" +
                  (near.empty() ? "" : ", did you mean '" + near + "'?") +
                  "; its columns: " + known);
}

double Records::number(int64_t record, int64_t column) const {
  const auto cell = text(record, column);
  double value = 0;
  if (parse_number(cell, value)) return value;
  throw DataError(place(record) + ": column '" + columns()[static_cast<size_t>(column)].name +
                  "': expected a number, given " +
                  (cell.empty() ? "an empty cell" : "'" + std::string(cell.substr(0, 40)) + "'"));
}

bool parse_number(std::string_view text, double& number) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(number);
}

}  // namespace heed::data
