#include "kernels/patterns.h"

#include <algorithm>

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

}  // namespace heed::kernels
