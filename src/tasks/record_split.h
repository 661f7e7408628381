// What the splits of all inputs that read records have in common.
#pragma once

#include "heed/tasks/input.h"

namespace heed {

/// An example a record: its values are the record's cells.
class RecordSplit : public Split {
 public:
  explicit RecordSplit(data::RecordsPtr records) : records_(std::move(records)) {}

  int64_t size() const override { return records_->size(); }
  std::string place(int64_t example) const override { return records_->place(example); }
  bool has(const std::string& column) const override;
  bool is_list(const std::string& column) const override;
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;
  std::vector<std::string> values(int64_t example, const std::string& column) const override;

 protected:
  const data::Records& records() const { return *records_; }
  const data::RecordsPtr& shared_records() const { return records_; }

 private:
  data::RecordsPtr records_;
};

}  // namespace heed
