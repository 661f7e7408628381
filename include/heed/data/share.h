// A process' part of every batch, where several train one model.
#pragma once

#include <cstdint>
#include <vector>

namespace heed::data {

/// Of the n rows of a batch those numbered index, index + count, index + 2 count ...: ceil((n - index) / count) of them,
/// none where n <= index. Together the `count` shares are the batch.
struct Share {
  int64_t index = 0, count = 1;

  template <class T>
  std::vector<T> of(const std::vector<T>& rows) const {
    std::vector<T> own;
    for (auto i = static_cast<size_t>(index); i < rows.size(); i += static_cast<size_t>(count))
      own.push_back(rows[i]);
    return own;
  }
};

}  // namespace heed::data
