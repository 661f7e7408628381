#include "kernels/patterns.h"

#include <algorithm>

#include "heed/core/random.h"
#include "kernels/blocks.h"

namespace heed::kernels {
namespace {

/// Whether any of low .. high differs from `from` <= low by a multiple of step.
bool meets(int64_t low, int64_t high, int64_t from, int64_t step) noexcept {
  return low <= high && low + (step - (low - from) % step) % step <= high;
}

}  // namespace

bool Dilated::any(int64_t p0, int64_t p1, int64_t j) const noexcept {
  // j sees positions j - right step .. j + left step.
  const int64_t first = j - right * step;
  return meets(std::max(p0, first), std::min(p1, j + left * step), first, step);
}

bool Strided::any(int64_t p0, int64_t p1, int64_t j) const noexcept {
  const int64_t low = std::max(p0, j);
  return low <= p1 && (low - j < stride || meets(low, p1, j, stride));
}

bool Fixed::any(int64_t p0, int64_t p1, int64_t j) const noexcept {
  const int64_t low = std::max(p0, j);
  return low <= p1 && (sums_up(j) || low / stride == j / stride);
}

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
  }
}

bool RandomBlocks::holds(int64_t query_block, int64_t key_block) const noexcept {
  const int64_t i = query_block - first_block_;
  if (i < 0 || i >= blocks_) return false;
  const auto begin = chosen_.begin() + i * count_;
  return std::find(begin, begin + count_, key_block) != begin + count_;
}

/// Positions before the first key are in no block.
int64_t RandomBlocks::block_of(int64_t p) const noexcept { return p < 0 ? -1 : p / size_; }

bool RandomBlocks::any(int64_t p0, int64_t p1, int64_t j) const noexcept {
  for (int64_t block = block_of(p0); block <= block_of(p1); ++block) {
    if (holds(block, j / size_)) return true;
  }
  return false;
}

bool RandomBlocks::every(int64_t p0, int64_t p1, int64_t j) const noexcept {
  for (int64_t block = block_of(p0); block <= block_of(p1); ++block) {
    if (!holds(block, j / size_)) return false;
  }
  return true;
}

}  // namespace heed::kernels
