#include "data/word_table.h"

#include <algorithm>

#include "data/record_readers.h"
#include "heed/core/error.h"

namespace heed::data {

void WordTable::name_columns(std::vector<std::string> names, const std::string& place) {
  names_ = std::move(names);
  takes_rest_ = names_.back().ends_with('*');
  if (takes_rest_) names_.back().pop_back();
  check_names(names_, place);
}

int64_t WordTable::find(std::string_view name) const {
  const auto at = std::find(names_.begin(), names_.end(), name);
  return at == names_.end() ? -1 : at - names_.begin();
}

void WordTable::add_columns(RecordStore& store) const {
  for (const auto& name : names_) store.add_column(name, true);
}

void WordTable::add(std::span<const std::string_view> cells, int64_t line,
                    const std::string& place) {
  const size_t fixed = names_.size() - (takes_rest_ ? 1 : 0);
  if (cells.size() < fixed || (!takes_rest_ && cells.size() != fixed)) {
    throw DataError(place + ": " + std::to_string(cells.size()) +
                    (cells.size() == 1 ? " column" : " columns") + ", expected " +
                    (takes_rest_ ? "at least " : "") + std::to_string(fixed) + ": " +
                    quoted(names_) +
                    (cells.size() > fixed ? "; name them with columns = [..], a last name that "
                                            "ends with * takes all that follow"
                                          : ""));
  }
  if (!empty() && cells.size() != cells_) {
    throw DataError(place + ": " + std::to_string(cells.size()) + " columns, but " +
                    std::to_string(cells_) + " at line " + std::to_string(lines_.back()) +
                    " of the same sentence");
  }
  cells_ = cells.size();
  for (size_t i = 0; i < fixed; ++i) text_ += cells[i], ends_.push_back(text_.size());
  if (takes_rest_) {
    for (size_t i = fixed; i < cells.size(); ++i) {
      if (i > fixed) text_ += '\t';
      text_ += cells[i];
    }
    ends_.push_back(text_.size());
  }
  lines_.push_back(line);
}

std::string_view WordTable::cell(size_t word, size_t column) const {
  const size_t i = word * names_.size() + column;
  const size_t first = i == 0 ? 0 : ends_[i - 1];
  return std::string_view(text_).substr(first, ends_[i] - first);
}

void WordTable::put(RecordStore& store, int64_t first_column) {
  std::vector<std::string_view> items(size());
  for (size_t column = 0; column < names_.size(); ++column) {
    for (size_t word = 0; word < size(); ++word) items[word] = cell(word, column);
    store.set_list(first_column + static_cast<int64_t>(column), items);
  }
  store.end_record(lines_[0]);
  clear();
}

void WordTable::clear() { text_.clear(), ends_.clear(), lines_.clear(); }

}  // namespace heed::data
