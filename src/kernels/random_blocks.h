// Blocks of keys that each block of queries draws (Zaheer et al. 2020).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/attend.h"

namespace heed::kernels {

/// For every block of `size` positions `count` blocks of keys, drawn without replacement by the
/// seed and the block's number alone. Query i has position i + offset; positions before the first
/// key are in no block. Memory: count numbers per block.
class RandomBlocks {
 public:
  /// Over positions first .. first + positions - 1 and `keys` keys; count is cut to what there is.
  RandomBlocks(int64_t size, int64_t count, uint64_t seed, int64_t first, int64_t positions,
               int64_t keys);

  bool sees(int64_t position, int64_t key) const noexcept;
  int64_t size() const noexcept { return size_; }
  /// The block of a position, or -1.
  int64_t block_of(int64_t position) const noexcept;
  /// The key blocks that a block of positions sees, rising: begin and end. None for -1.
  const int64_t* begin(int64_t block) const noexcept;
  const int64_t* end(int64_t block) const noexcept;

 private:
  int64_t size_, count_, first_block_, blocks_;
  std::vector<int64_t> chosen_;  // count_ key blocks a query block
};

template <class T>
class RandomBlockMask final : public Mask<T> {
 public:
  RandomBlockMask(RandomBlocks blocks, int64_t query_offset)
      : blocks_(std::move(blocks)), offset_(query_offset) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
            Span within) const noexcept override;
  int64_t alignment() const noexcept override { return blocks_.size(); }
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  RandomBlocks blocks_;
  int64_t offset_;
};

}  // namespace heed::kernels
