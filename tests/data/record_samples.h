// Files of records for tests, and a checksum of what was read.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "data/samples.h"
#include "heed/data/record_files.h"
#include "shared_data.h"

namespace heed::test {

inline data::RecordsPtr records_of(std::string_view text, const std::string& name,
                                   const data::RecordOptions& options = {}) {
  const TempFolder folder;
  return data::open_records({folder.write(name, Bytes(text.begin(), text.end()))}, options);
}

template <class E = DataError>
std::string record_refusal(std::string_view text, const std::string& name,
                           const data::RecordOptions& options = {}) {
  return message_of<E>([&] { records_of(text, name, options); });
}

inline std::vector<std::string> names_of(const data::Records& records) {
  std::vector<std::string> names;
  for (const auto& column : records.columns())
    names.push_back(column.name + (column.is_list ? "[]" : ""));
  return names;
}

/// The record's texts, a list's items joined by '|'.
inline std::vector<std::string> row_of(const data::Records& records, int64_t record) {
  std::vector<std::string> row;
  for (size_t i = 0; i < records.columns().size(); ++i) {
    const auto column = static_cast<int64_t>(i);
    if (!records.columns()[i].is_list) {
      row.emplace_back(records.text(record, column));
      continue;
    }
    std::string joined;
    for (const auto item : records.list(record, column))
      joined += (joined.empty() ? "" : "|") + std::string(item);
    row.push_back(joined);
  }
  return row;
}

/// FNV-1a (64 bits) over the cells of the named columns: each text and U+001F, after each record
/// U+001E.
inline uint64_t checksum_of(const data::Records& records, const std::vector<std::string>& names) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  };
  std::vector<int64_t> columns;
  for (const auto& name : names) columns.push_back(records.column(name));
  for (int64_t record = 0; record < records.size(); ++record) {
    for (const int64_t column : columns) {
      if (!records.columns()[static_cast<size_t>(column)].is_list) {
        add(records.text(record, column)), add("\x1f");
        continue;
      }
      for (const auto item : records.list(record, column)) add(item), add("\x1f");
    }
    add("\x1e");
  }
  return hash;
}

}  // namespace heed::test

/// Skips the test where a folder of `shared/data` is absent.
#define HEED_NEEDS_SHARED(folder)                                     \
  if (!std::filesystem::exists(heed::test::shared_data() / (folder))) \
  GTEST_SKIP() << "needs " << (heed::test::shared_data() / (folder)).string()
