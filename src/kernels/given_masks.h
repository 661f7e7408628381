// Masks from small tensors that a call brings: documents packed into one sequence, and any pattern
// of blocks.
#pragma once

#include "kernels/attend.h"

namespace heed::kernels {

/// Query i, at position i + offset, sees the keys of its own document. documents (B, keys),
/// contiguous, not falling along a sequence; the queries' positions are among the keys.
template <class T>
class SegmentMask final : public Mask<T> {
 public:
  SegmentMask(const int64_t* segment_ids, int64_t keys, int64_t offset) noexcept
      : segment_ids_(segment_ids), keys_(keys), offset_(offset) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
            Span within) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  const int64_t* segment_ids_;
  int64_t keys_, offset_;
};

/// Query i sees key j where may_see (B, H, i / size, j / size) is true.
template <class T>
class BlockMask final : public Mask<T> {
 public:
  BlockMask(View<const bool> may_see, int64_t size) noexcept : may_see_(may_see), size_(size) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
            Span within) const noexcept override;
  int64_t alignment() const noexcept override { return size_; }
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  bool any(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t block) const noexcept;

  View<const bool> may_see_;
  int64_t size_;
};

}  // namespace heed::kernels
