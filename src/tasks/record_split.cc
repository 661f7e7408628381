#include "tasks/record_split.h"

#include <algorithm>

namespace heed {

bool RecordSplit::has(const std::string& column) const {
  const auto& columns = records_->columns();
  return std::any_of(columns.begin(), columns.end(),
                     [&](const auto& known) { return known.name == column; });
}

bool RecordSplit::is_list(const std::string& column) const {
  return records_->columns()[static_cast<size_t>(records_->column(column))].is_list;
}

std::string RecordSplit::value(int64_t example, const std::string& column, const Draw&) const {
  return std::string(records_->text(example, records_->column(column)));
}

std::vector<std::string> RecordSplit::values(int64_t example, const std::string& column) const {
  const auto list = records_->list(example, records_->column(column));
  return {list.begin(), list.end()};
}

}  // namespace heed
