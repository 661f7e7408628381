// What becomes of something wrong with the data.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "heed/core/error.h"

namespace heed::data {

/// Throws the first problem (open_images), or counts all and keeps the first few (check_images).
class Problems {
 public:
  Problems() = default;
  explicit Problems(int64_t keep) : strict_(false), keep_(keep) {}

  bool strict() const noexcept { return strict_; }
  int64_t count() const noexcept { return count_; }
  const std::vector<std::string>& kept() const noexcept { return kept_; }

  void add(const std::string& message) {
    if (strict_) throw DataError(message);
    if (count_++ < keep_) kept_.push_back(message);
  }

  /// The same for an error that is being handled; the first keeps its kind.
  void add_caught(const Error& error) {
    if (strict_) throw;
    add(error.what());
  }

 private:
  bool strict_ = true;
  int64_t keep_ = 0, count_ = 0;
  std::vector<std::string> kept_;
};

}  // namespace heed::data
