#include "tasks/changed_records.h"

namespace heed {

ChangedRecords::ChangedRecords(data::RecordsPtr all, const std::vector<std::string>& columns,
                               const TextChange& change)
    : all_(std::move(all)) {
  std::vector<int64_t> numbers;
  for (const auto& name : columns) numbers.push_back(all_->column(name));
  for (int64_t record = 0; record < all_->size(); ++record)
    for (const int64_t column : numbers) change_record(record, column, change);
}

void ChangedRecords::change_record(int64_t record, int64_t column, const TextChange& change) {
  const bool is_list = columns()[static_cast<size_t>(column)].is_list;
  const auto items = is_list ? all_->list(record, column)
                             : std::vector<std::string_view>{all_->text(record, column)};
  std::vector<std::string> others;
  bool differs = false;
  for (const auto item : items) {
    others.push_back(change(record, std::string(item)));
    differs = differs || others.back() != item;
  }
  if (differs) cells_.emplace(std::pair(record, column), std::move(others));
}

std::string_view ChangedRecords::text(int64_t record, int64_t column) const {
  const auto found = cells_.find({record, column});
  return found == cells_.end() ? all_->text(record, column) : found->second.front();
}

std::vector<std::string_view> ChangedRecords::list(int64_t record, int64_t column) const {
  const auto found = cells_.find({record, column});
  if (found == cells_.end()) return all_->list(record, column);
  return {found->second.begin(), found->second.end()};
}

std::vector<int64_t> ChangedRecords::changed() const {
  std::vector<int64_t> records;
  for (const auto& [cell, items] : cells_)
    if (records.empty() || records.back() != cell.first) records.push_back(cell.first);
  return records;
}

}  // namespace heed
