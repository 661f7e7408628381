// Steps of sequences that are not equally long, taken together.
#pragma once

#include <vector>

#include "heed/nn/key_value_cache.h"

namespace heed::nn {

/// What a sequence has seen, and how many tokens of it come.
struct StepRow {
  KeyValueCache* cache;
  int64_t tokens;
};

/// The sequences whose tokens stand one behind the other in x (1, T, M).
class StepRows {
 public:
  /// While one lives, MultiHeadAttention::step of this thread is of these sequences, in place of the cache that it is given:
  /// each row sees its own cache and gets the bits that it gets alone.
  explicit StepRows(const std::vector<StepRow>& rows);
  ~StepRows();
  StepRows(const StepRows&) = delete;
  StepRows& operator=(const StepRows&) = delete;

  /// What this thread is given; null: a cache.
  static const std::vector<StepRow>* given() noexcept;

 private:
  const std::vector<StepRow>* outer_;
};

}  // namespace heed::nn
