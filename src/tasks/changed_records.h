// Records whose texts are others in some columns.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "heed/data/records.h"
#include "heed/tasks/predictor.h"

namespace heed {

/// `change` is asked of every text of the columns, of lists of every item, when this is made.
class ChangedRecords : public data::Records {
 public:
  /// Throws DataError for a column that the records lack.
  ChangedRecords(data::RecordsPtr all, const std::vector<std::string>& columns,
                 const TextChange& change);

  int64_t size() const override { return all_->size(); }
  const std::vector<data::Column>& columns() const override { return all_->columns(); }
  std::string_view text(int64_t record, int64_t column) const override;
  std::vector<std::string_view> list(int64_t record, int64_t column) const override;
  std::string place(int64_t record) const override { return all_->place(record); }
  std::string name() const override { return all_->name(); }

  /// The records of which something changed, ascending.
  std::vector<int64_t> changed() const;

 private:
  void change_record(int64_t record, int64_t column, const TextChange& change);

  data::RecordsPtr all_;
  std::map<std::pair<int64_t, int64_t>, std::vector<std::string>> cells_;  // a text is one item
};

}  // namespace heed
