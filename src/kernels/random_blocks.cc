#include "kernels/random_blocks.h"

#include <algorithm>
#include <limits>

#include "heed/core/random.h"
#include "kernels/blocks.h"

namespace heed::kernels {

RandomBlocks::RandomBlocks(int64_t size, int64_t count, uint64_t seed, int64_t first,
                           int64_t positions, int64_t keys)
    : size_(size), first_block_(std::max<int64_t>(first, 0) / size) {
  const int64_t end = std::max<int64_t>(first + positions, 0);
  blocks_ = std::max<int64_t>(divide_up(end, size) - first_block_, 0);
  const int64_t key_blocks = divide_up(keys, size);
  count_ = std::min(count, key_blocks);
  chosen_.reserve(static_cast<size_t>(blocks_ * count_));
  for (int64_t block = first_block_; block < first_block_ + blocks_; ++block) {
    // Floyd's sampling: `count` different numbers in as many draws.
    Random random(seed, static_cast<uint32_t>(block));
    const auto begin = static_cast<std::ptrdiff_t>(chosen_.size());
    for (int64_t top = key_blocks - count_; top < key_blocks; ++top) {
      const int64_t drawn = random.below(static_cast<uint32_t>(top + 1));
      const bool taken = std::find(chosen_.begin() + begin, chosen_.end(), drawn) != chosen_.end();
      chosen_.push_back(taken ? top : drawn);
    }
    std::sort(chosen_.begin() + begin, chosen_.end());
  }
}

int64_t RandomBlocks::block_of(int64_t position) const noexcept {
  return position < 0 ? -1 : position / size_;
}

const int64_t* RandomBlocks::begin(int64_t block) const noexcept {
  const int64_t i = block - first_block_;
  return i < 0 || i >= blocks_ ? nullptr : chosen_.data() + i * count_;
}

const int64_t* RandomBlocks::end(int64_t block) const noexcept {
  const int64_t* first = begin(block);
  return first ? first + count_ : nullptr;
}

bool RandomBlocks::sees(int64_t position, int64_t key) const noexcept {
  const int64_t block = block_of(position);
  return std::binary_search(begin(block), end(block), key / size_);
}

template <class T>
Coverage RandomBlockMask<T>::coverage(int64_t, int64_t, int64_t row, int64_t rows, int64_t column,
                                      int64_t columns) const noexcept {
  const int64_t first = column / blocks_.size();
  const int64_t last = (column + columns - 1) / blocks_.size();
  bool any = false, all = true;
  for (int64_t block = blocks_.block_of(row + offset_);
       block <= blocks_.block_of(row + offset_ + rows - 1); ++block) {
    const int64_t* begin = std::lower_bound(blocks_.begin(block), blocks_.end(block), first);
    const int64_t* end = std::upper_bound(begin, blocks_.end(block), last);
    any |= end > begin, all &= end - begin == last - first + 1;
  }
  return all ? Coverage::all : any ? Coverage::part : Coverage::none;
}

template <class T>
Span RandomBlockMask<T>::span(int64_t, int64_t, int64_t row, int64_t rows,
                              Span within) const noexcept {
  if (within.begin >= within.end) return within;
  const int64_t size = blocks_.size();
  int64_t low = within.end, high = within.begin;
  for (int64_t block = blocks_.block_of(row + offset_);
       block <= blocks_.block_of(row + offset_ + rows - 1); ++block) {
    const int64_t* end = blocks_.end(block);
    const int64_t* begin = std::lower_bound(blocks_.begin(block), end, within.begin / size);
    end = std::upper_bound(begin, end, (within.end - 1) / size);
    if (begin == end) continue;
    low = std::min(low, *begin * size), high = std::max(high, (end[-1] + 1) * size);
  }
  return {std::max(within.begin, low), std::min(within.end, high)};
}

template <class T>
void RandomBlockMask<T>::apply(const Tile<T>& scores) const noexcept {
  for (int64_t i = 0; i < scores.rows; ++i) {
    for (int64_t j = 0; j < scores.columns; ++j) {
      if (!blocks_.sees(scores.row + i + offset_, scores.column + j))
        scores(i, j) = -std::numeric_limits<T>::infinity();
    }
  }
}

template class RandomBlockMask<float>;
template class RandomBlockMask<double>;

}  // namespace heed::kernels
