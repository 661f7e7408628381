#include "heed/data/describe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "heed/core/error.h"

namespace heed::data {
namespace {

using Splits = std::vector<std::pair<std::string, RecordsPtr>>;

constexpr int64_t kFirstCompared = 64;  // records of a part, before all of them are

using TextCounts = std::unordered_map<std::string_view, int64_t>;

/// Calls `call` for the text of a cell, or for each item of its list; missing texts are none.
template <class Call>
void each_text(const Records& records, int64_t record, int64_t column, Call&& call) {
  if (records.columns()[static_cast<size_t>(column)].is_list) {
    for (const auto item : records.list(record, column)) call(item);
  } else if (const auto text = records.text(record, column); !text.empty()) {
    call(text);
  }
}

std::vector<TextCount> most_frequent(const TextCounts& counts, int64_t most) {
  std::vector<std::pair<std::string_view, int64_t>> all(counts.begin(), counts.end());
  const auto kept = std::min(all.size(), static_cast<size_t>(std::max<int64_t>(most, 0)));
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                    [](const auto& a, const auto& b) {
                      return a.second != b.second ? a.second > b.second : a.first < b.first;
                    });
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept)};
}

LengthFacts lengths_of(std::vector<int64_t> lengths) {
  if (lengths.empty()) return {};
  std::sort(lengths.begin(), lengths.end());
  const auto rank = [&](double share) {  // nearest rank: the least that `share` do not exceed
    const auto at = static_cast<size_t>(std::ceil(share * static_cast<double>(lengths.size())));
    return lengths[std::max<size_t>(at, 1) - 1];
  };
  return {lengths.front(), rank(0.5), rank(0.99), lengths.back()};
}

int64_t characters_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; });
}

/// The range of numbers that are seen one by one, as long as all are numbers.
class RangeFinder {
 public:
  void add(std::string_view text) {
    double x = 0;
    are_numbers_ = are_numbers_ && parse_number(text, x);
    if (!are_numbers_) return;
    range_.least = count_ == 0 ? x : std::min(range_.least, x);
    range_.most = count_ == 0 ? x : std::max(range_.most, x);
    range_.mean += (x - range_.mean) / static_cast<double>(++count_);
  }
  std::optional<RangeFacts> range() const {
    return are_numbers_ && count_ > 0 ? std::optional(range_) : std::nullopt;
  }

 private:
  RangeFacts range_;
  int64_t count_ = 0;
  bool are_numbers_ = true;
};

ColumnFacts column_facts(const Records& records, int64_t column, int64_t examples) {
  const auto& [name, is_list] = records.columns()[static_cast<size_t>(column)];
  ColumnFacts facts{
      .name = name, .is_list = is_list, .most_frequent = {}, .length = {}, .range = {}};
  TextCounts counts;
  RangeFinder range;
  std::vector<int64_t> lengths;
  for (int64_t record = 0; record < records.size(); ++record) {
    int64_t items = 0, characters = 0;
    each_text(records, record, column, [&](std::string_view text) {
      ++items, ++counts[text];
      characters = characters_of(text);
      range.add(text);
    });
    facts.items += items;
    if (items == 0) ++facts.missing;
    if (items > 0) lengths.push_back(is_list ? items : characters);
  }
  facts.distinct = static_cast<int64_t>(counts.size());
  facts.is_constant = facts.distinct == 1 && facts.missing == 0;
  facts.most_frequent = most_frequent(counts, examples);
  facts.length = lengths_of(std::move(lengths));
  facts.range = range.range();
  return facts;
}

/// A record as one text, equal for equal records only: every text has its length before it.
std::string key_of(const Records& records, int64_t record, const std::vector<int64_t>& columns) {
  std::string key;
  for (const int64_t column : columns) {
    int64_t items = 0;
    each_text(records, record, column, [&](std::string_view text) {
      key += std::to_string(text.size()) + ":";
      key += text;
      ++items;
    });
    key.append("#").append(std::to_string(items)).append(";");
  }
  return key;
}

/// Finds a split's records by what they hold; 16 bytes of hash stand for each.
class RecordIndex {
 public:
  RecordIndex(const Records& records, std::vector<int64_t> columns)
      : records_(records), columns_(std::move(columns)) {}

  /// The first record of that key; -1 where there is none.
  int64_t find(const std::string& key) const {
    const auto [from, to] = known_.equal_range(std::hash<std::string>()(key));
    for (auto at = from; at != to; ++at) {
      if (key_of(records_, at->second, columns_) == key) return at->second;
    }
    return -1;
  }
  void add(const std::string& key, int64_t record) {
    known_.emplace(std::hash<std::string>()(key), record);
  }
  std::string key(int64_t record) const { return key_of(records_, record, columns_); }
  const Records& records() const { return records_; }

 private:
  const Records& records_;
  std::vector<int64_t> columns_;
  std::unordered_multimap<size_t, int64_t> known_;
};

/// The columns by which records are compared, by name: splits may order them otherwise.
std::vector<int64_t> compared_columns(const Splits& splits, const Records& records,
                                      const DescribeOptions& options) {
  auto names = options.same;
  if (names.empty()) {
    for (const auto& column : splits[0].second->columns()) names.push_back(column.name);
  }
  std::vector<int64_t> columns;
  for (const auto& name : names) columns.push_back(records.column(name));
  return columns;
}

void index_split(RecordIndex& index, SplitFacts& facts) {
  const auto& records = index.records();
  for (int64_t record = 0; record < records.size(); ++record) {
    const auto key = index.key(record);
    if (index.find(key) < 0) {
      index.add(key, record);
    } else if (facts.repeated++ == 0) {
      facts.first_repeat = records.place(record);
    }
  }
}

OverlapFacts overlap_of(const RecordIndex& index, const RecordIndex& earlier) {
  OverlapFacts facts;
  const auto& records = index.records();
  for (int64_t record = 0; record < records.size(); ++record) {
    const int64_t found = earlier.find(index.key(record));
    if (found < 0 || facts.records++ > 0) continue;
    facts.first = records.place(record);
    facts.first_earlier = earlier.records().place(found);
  }
  return facts;
}

UnseenFacts unseen_labels(const Records& records, const Records& train, const std::string& name,
                          int64_t examples) {
  std::unordered_set<std::string_view> known;
  const int64_t train_column = train.column(name), column = records.column(name);
  for (int64_t record = 0; record < train.size(); ++record)
    each_text(train, record, train_column, [&](std::string_view text) { known.insert(text); });
  TextCounts counts;
  UnseenFacts facts{.split = {}, .column = name, .examples = {}};
  for (int64_t record = 0; record < records.size(); ++record) {
    bool has_unseen = false;
    each_text(records, record, column, [&](std::string_view text) {
      if (known.contains(text)) return;
      ++counts[text], has_unseen = true;
    });
    facts.records += has_unseen;
  }
  facts.labels = static_cast<int64_t>(counts.size());
  facts.examples = most_frequent(counts, examples);
  return facts;
}

}  // namespace

Description describe(const Splits& splits, const DescribeOptions& options) {
  if (splits.empty()) throw UsageError("describe: expected at least one split, given none");
  Description all;
  std::vector<RecordIndex> indices;
  for (const auto& [name, records] : splits) {
    SplitFacts facts{.name = name, .first_repeat = {}, .columns = {}, .passed_over = {}};
    facts.records = records->size();
    facts.passed_over = records->passed_over();
    for (size_t i = 0; i < records->columns().size(); ++i)
      facts.columns.push_back(column_facts(*records, static_cast<int64_t>(i), options.examples));
    auto& index = indices.emplace_back(*records, compared_columns(splits, *records, options));
    index_split(index, facts);
    for (size_t i = 0; i + 1 < indices.size(); ++i) {
      auto overlap = overlap_of(index, indices[i]);
      overlap.split = name, overlap.earlier = splits[i].first;
      if (overlap.records > 0) all.overlaps.push_back(overlap);
    }
    for (const auto& label : options.labels) {
      auto unseen = unseen_labels(*records, *splits[0].second, label, options.examples);
      unseen.split = name;
      if (unseen.labels > 0) all.unseen.push_back(unseen);
    }
    all.splits.push_back(std::move(facts));
  }
  return all;
}

bool all_are_in(const Records& part, const Records& whole) {
  std::vector<int64_t> own, columns;
  for (const auto& column : whole.columns()) {
    const auto is_it = [&](const Column& other) {
      return other.name == column.name && other.is_list == column.is_list;
    };
    const auto found = std::find_if(part.columns().begin(), part.columns().end(), is_it);
    if (found == part.columns().end()) return false;
    own.push_back(found - part.columns().begin());
    columns.push_back(std::ssize(columns));
  }
  std::unordered_set<std::string> some;
  for (int64_t record = 0; record < std::min(part.size(), kFirstCompared); ++record)
    some.insert(key_of(part, record, own));
  if (some.empty()) return false;
  for (int64_t record = 0; record < whole.size() && !some.empty(); ++record)
    some.erase(key_of(whole, record, columns));
  if (!some.empty()) return false;
  RecordIndex index(whole, columns);
  for (int64_t record = 0; record < whole.size(); ++record) index.add(index.key(record), record);
  for (int64_t record = 0; record < part.size(); ++record)
    if (index.find(key_of(part, record, own)) < 0) return false;
  return true;
}

}  // namespace heed::data
