#include "heed/data/records.h"

#include <charconv>
#include <cmath>

#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed::data {
namespace {

class SomeRecords : public Records {
 public:
  SomeRecords(RecordsPtr all, std::vector<int64_t> numbers)
      : all_(std::move(all)), numbers_(std::move(numbers)) {
    for (const int64_t number : numbers_) {
      if (number < 0 || number >= all_->size())
        throw UsageError("subset: no record " + std::to_string(number) + "; expected 0 .. " +
                         std::to_string(all_->size() - 1));
    }
  }

  int64_t size() const override { return std::ssize(numbers_); }
  const std::vector<Column>& columns() const override { return all_->columns(); }
  std::string_view text(int64_t record, int64_t column) const override {
    return all_->text(number(record), column);
  }
  std::vector<std::string_view> list(int64_t record, int64_t column) const override {
    return all_->list(number(record), column);
  }
  std::string place(int64_t record) const override { return all_->place(number(record)); }
  std::string name() const override { return all_->name(); }

 private:
  int64_t number(int64_t record) const {
    if (record < 0 || record >= size())
      throw UsageError("subset: no record " + std::to_string(record) + "; expected 0 .. " +
                       std::to_string(size() - 1));
    return numbers_[static_cast<size_t>(record)];
  }

  RecordsPtr all_;
  std::vector<int64_t> numbers_;
};

}  // namespace

RecordsPtr subset(RecordsPtr all, std::vector<int64_t> numbers) {
  return std::make_shared<SomeRecords>(std::move(all), std::move(numbers));
}

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
