// Texts of a batch one behind the other, without what fills the shorter ones up.
#pragma once

#include <optional>

#include "heed/models/block_stack.h"
#include "heed/ops/attend.h"

namespace heed::models {

/// Which of the B L places of a batch are tokens.
class PackedTexts {
 public:
  /// lengths (B), of at most L. None where there is nothing to leave out.
  static std::optional<PackedTexts> of(const at::Tensor& lengths, int64_t L);

  /// x (B, L, M) -> (1, T, M), T the sum of the lengths.
  at::Tensor pack(const at::Tensor& x) const;
  /// y (1, T, M) -> (B, L, M), zeros behind a length.
  at::Tensor unpack(const at::Tensor& y) const;
  /// By which a token sees those of its own text alone.
  AttendInputs inputs() const;

 private:
  at::Tensor rows_;      // (T) int64: places in B L
  at::Tensor segments_;  // (1, T) int64: the text
  int64_t B_ = 0, L_ = 0;
};

/// Whether blocks make of packed texts what they make of each: their attentions know no other places than
/// those that are added before them and distances, and see by lengths, order and windows alone.
bool can_pack(const BlockStackOptions& options);

}  // namespace heed::models
