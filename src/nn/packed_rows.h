// Texts of a batch one behind the other, without what fills the shorter ones up.
#pragma once

#include <torch/types.h>

#include <optional>

namespace heed::nn {

/// Which of the B L places of a batch are tokens.
class PackedRows {
 public:
  /// lengths (B), of at most L. None where there is nothing to leave out.
  static std::optional<PackedRows> of(const at::Tensor& lengths, int64_t L);

  /// x (B, L, ...) -> (1, T, ...), T the sum of the lengths.
  at::Tensor pack(const at::Tensor& x) const;
  /// y (1, T, ...) -> (B, L, ...), zeros behind a length.
  at::Tensor unpack(const at::Tensor& y) const;
  const at::Tensor& lengths() const { return lengths_; }  ///< (B)

  /// While one lives, attentions of this thread are given packed rows. Each text is attended by itself, from its own
  /// beginning, so its bits do not depend on the texts beside it.
  class Scope {
   public:
    explicit Scope(const PackedRows& rows);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const PackedRows* outer_;
  };
  /// What this thread is given; null: plain batches.
  static const PackedRows* given() noexcept;

 private:
  at::Tensor rows_;     // (T) int64: places in B L
  at::Tensor lengths_;  // (B) int64
  int64_t B_ = 0, L_ = 0;
};

}  // namespace heed::nn
