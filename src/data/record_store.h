// Records in memory: all bytes in one arena, cells by number.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "heed/data/records.h"

namespace heed::data {

/// Filled record by record, then only read.
class RecordStore : public Records {
 public:
  /// `bytes` of text are expected, so that the arena need not grow.
  RecordStore(std::string name, uint64_t bytes);

  /// The records that follow stand in this file.
  void begin_file(const std::filesystem::path& file);
  int64_t add_column(const std::string& name, bool is_list);
  /// Cells of the record that is being made; one that is not set is missing, or an empty list.
  void set_text(int64_t column, std::string_view text);
  void set_list(int64_t column, std::span<const std::string_view> items);
  /// Ends the record, which stands at this line. Throws Error(Failure::memory).
  void end_record(int64_t line);
  void pass_over(const std::string& what, const std::string& place);

  int64_t size() const override { return static_cast<int64_t>(lines_.size()); }
  const std::vector<Column>& columns() const override { return columns_; }
  std::string_view text(int64_t record, int64_t column) const override;
  std::vector<std::string_view> list(int64_t record, int64_t column) const override;
  std::string place(int64_t record) const override;
  std::string name() const override { return name_; }
  std::vector<PassedOver> passed_over() const override { return passed_over_; }

 private:
  struct Cells {                       // of a column, for each record
    std::vector<uint64_t> item;        // the text's number, or the first item's
    std::vector<uint32_t> count = {};  // of items; lists only
  };
  struct File {
    std::string name;
    int64_t first_record;
  };
  uint64_t push(std::string_view text);
  std::string_view item(uint64_t number) const;
  void require_room(size_t more) const;
  void require_more(uint64_t bytes) const;
  const Cells& cells(int64_t record, int64_t column, bool is_list) const;
  void check(int64_t record) const;

  std::string name_;
  std::string arena_;
  std::vector<uint64_t> ends_ = {0};  // item i is arena_[ends_[i - 1] .. ends_[i]); item 0: empty
  std::vector<Column> columns_;
  std::vector<Cells> cells_;
  std::vector<int64_t> lines_;
  std::vector<File> files_;
  std::vector<PassedOver> passed_over_;
};

}  // namespace heed::data
