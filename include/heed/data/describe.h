// What there is to know of records before anything learns from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heed/data/records.h"

namespace heed::data {

/// Nearest-rank percentiles of lengths.
struct LengthFacts {
  int64_t least = 0, median = 0, p99 = 0, most = 0;
};

struct RangeFacts {
  double least = 0, mean = 0, most = 0;
};

/// A text and how often it stands there.
using TextCount = std::pair<std::string, int64_t>;

struct ColumnFacts {
  std::string name;
  bool is_list = false;
  int64_t missing = 0;                   ///< empty cells, or empty lists
  int64_t items = 0;                     ///< of all lists; texts: cells that are not missing
  int64_t distinct = 0;                  ///< texts, or items of lists; missing cells apart
  bool is_constant = false;              ///< one text in all records, none missing
  std::vector<TextCount> most_frequent;  ///< the most frequent first, equal ones by their bytes
  LengthFacts length;               ///< characters of a text, items of a list; missing ones apart
  std::optional<RangeFacts> range;  ///< where every text or item is a finite number
};

struct SplitFacts {
  std::string name;
  int64_t records = 0;
  int64_t repeated = 0;      ///< records equal to one before them in the split
  std::string first_repeat;  ///< where the first stands
  std::vector<ColumnFacts> columns;
  std::vector<PassedOver> passed_over;
};

/// Records of one split that are in an earlier one, too.
struct OverlapFacts {
  std::string split, earlier;
  int64_t records = 0;               ///< of `split`
  std::string first, first_earlier;  ///< where the first stands in both
};

/// Labels of a split that the first split lacks.
struct UnseenFacts {
  std::string split, column;
  int64_t labels = 0, records = 0;  ///< how many there are, and how many records have one
  std::vector<TextCount> examples;  ///< the most frequent first
};

struct Description {
  std::vector<SplitFacts> splits;
  std::vector<OverlapFacts> overlaps;  ///< of every two splits that have any
  std::vector<UnseenFacts> unseen;     ///< of every split and label column that has any
};

struct DescribeOptions {
  std::vector<std::string> same = {};    ///< records are equal where these columns are; empty: all
  std::vector<std::string> labels = {};  ///< columns of labels, or of lists of them
  int64_t examples = 20;                 ///< texts that most_frequent and examples hold at most
};

/// Describes splits, of which the first is what is learnt from. Records are compared by the exact
/// texts of their columns. Throws UsageError for no split, DataError for a column that a split
/// lacks. Memory: some 100 bytes a distinct text and record. Cost: O(bytes).
Description describe(const std::vector<std::pair<std::string, RecordsPtr>>& splits,
                     const DescribeOptions& options = {});

/// Whether every record of `part` is in `whole`, too: equal in all columns of `whole`, of which
/// `part` lacks none. An empty part: false. Cost: O(bytes of whole) where one of the first records of
/// `part` is not there, else O(bytes of both).
bool all_are_in(const Records& part, const Records& whole);

}  // namespace heed::data
