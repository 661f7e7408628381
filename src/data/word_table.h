// Words of a sentence with their columns, as CoNLL formats have them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/record_store.h"

namespace heed::data {

/// The sentence that is being read. A last column "name*" takes all cells that follow.
class WordTable {
 public:
  /// Sets the columns' names; throws DataError (`place`) for an empty one or one that stands twice.
  void name_columns(std::vector<std::string> names, const std::string& place);
  bool has_names() const { return !names_.empty(); }
  /// Without the * of the last.
  const std::vector<std::string>& names() const { return names_; }
  /// The number of the column; -1 where there is none.
  int64_t find(std::string_view name) const;
  void add_columns(RecordStore& store) const;

  /// Throws DataError: another number of cells than names, or than the sentence's other words.
  void add(std::span<const std::string_view> cells, int64_t line, const std::string& place);
  bool empty() const { return lines_.empty(); }
  size_t size() const { return lines_.size(); }
  std::string_view cell(size_t word, size_t column) const;
  int64_t line(size_t word) const { return lines_[word]; }

  /// Ends the record and begins another sentence; the first column has this number in the store.
  void put(RecordStore& store, int64_t first_column);
  void clear();

 private:
  std::vector<std::string> names_;
  bool takes_rest_ = false;
  size_t cells_ = 0;  // of each of the sentence's words
  std::string text_;
  std::vector<size_t> ends_;  // of cells in text_, word after word
  std::vector<int64_t> lines_;
};

}  // namespace heed::data
