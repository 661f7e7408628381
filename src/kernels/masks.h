// Who may see whom.
#pragma once

#include <limits>

#include "kernels/attend.h"

namespace heed::kernels {

inline constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max() / 4;

/// Query row i stands at key position p = i + query_offset and sees the keys p - left .. p + right.
/// Causal is (kUnlimited, 0).
template <class T>
class WindowMask final : public Mask<T> {
 public:
  WindowMask(int64_t left, int64_t right, int64_t query_offset) noexcept
      : left_(left), right_(right), offset_(query_offset) {}
  Coverage coverage(int64_t, int64_t, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t, int64_t, int64_t row, int64_t rows, Span within) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  int64_t left_, right_, offset_;
};

/// Keys from lengths[b] on are hidden.
template <class T>
class LengthMask final : public Mask<T> {
 public:
  explicit LengthMask(const int64_t* lengths) noexcept : lengths_(lengths) {}
  Coverage coverage(int64_t batch, int64_t, int64_t, int64_t, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t, int64_t, int64_t, Span within) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  const int64_t* lengths_;
};

/// may_see (B, H, Lq, Lk); a broadcast dimension has stride 0.
template <class T>
class DenseMask final : public Mask<T> {
 public:
  explicit DenseMask(View<const bool> may_see) noexcept : may_see_(may_see) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  View<const bool> may_see_;
};

/// added (B, H, Lq, Lk) is added to the scores, -inf hides; a broadcast dimension has stride 0. No
/// gradient: that is Bias.
template <class T>
class AdditiveMask final : public Mask<T> {
 public:
  explicit AdditiveMask(View<const T> added) noexcept : added_(added) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  View<const T> added_;
};

}  // namespace heed::kernels
