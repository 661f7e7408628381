// Scores of one query: a product with a single column.

#if defined(HEED_KERNELS_GEMM_COLUMN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_GEMM_COLUMN_INL_H_
#undef HEED_KERNELS_GEMM_COLUMN_INL_H_
#else
#define HEED_KERNELS_GEMM_COLUMN_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/gemm_tile-inl.h"
#include "kernels/turn-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
/// A group of kRows rows of C. Their successors in A come from memory meanwhile, if `ahead`.
template <int64_t kRows, class T>
HWY_INLINE void gemm_column_rows(int64_t depth, Left<T> a, Right<T> b, bool ahead, Result<T> c) {
  constexpr int64_t side = kSide<T>;
  const hn::CappedTag<T, 32 / sizeof(T)> d;
  const hn::FixedTag<T, side> block;
  constexpr int64_t lanes = hn::MaxLanes(d);
  const auto load = [&](const T* from) HWY_ATTR {
    if constexpr (lanes == side)
      return hn::LoadU(d, from);
    else
      return hn::Combine(d, hn::LoadU(block, from + side * a.row), hn::LoadU(block, from));
  };
  auto c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0;
  for (int64_t k = 0; k < depth; k += side) {
    if (ahead) {  // in four turns a line of 64 bytes of every row
      const T* next = a.data + (kRows + k / side % 4 * (kRows / 4)) * a.row + k;
      for (int64_t r = 0; r < kRows / 4; ++r) hwy::Prefetch(next + r * a.row);
    }
    const auto add = [&](int64_t first, auto& sum) HWY_ATTR {
      hn::Vec<decltype(d)> square[side];
      for (int64_t r = 0; r < side; ++r) square[r] = load(a.data + (first + r) * a.row + k);
      turn(d, square);
      for (int64_t r = 0; r < side; ++r)
        sum = hn::MulAdd(square[r], hn::Set(d, b.data[(k + r) * b.stride]), sum);
    };
    add(0, c0);
    if constexpr (kRows > lanes) add(lanes, c1);
    if constexpr (kRows > 2 * lanes) add(2 * lanes, c2), add(3 * lanes, c3);
  }
  HWY_ALIGN T sums[4 * lanes];
  hn::Store(c0, d, sums), hn::Store(c1, d, sums + lanes);
  hn::Store(c2, d, sums + 2 * lanes), hn::Store(c3, d, sums + 3 * lanes);
  const Vector<T> half;
  const auto first = hn::FirstN(half, 1);
  for (int64_t r = 0; r < kRows; ++r) {
    hn::StoreU(hn::IfThenElseZero(first, hn::Set(half, sums[r])), half, c.data + r * c.stride);
    hn::StoreU(hn::Zero(half), half, c.data + r * c.stride + panel_width<T>() / 2);
  }
}

/// All of C by groups, the last of which ends where C does.
template <int64_t kRows, class T>
HWY_INLINE void gemm_column_groups(int64_t m, int64_t depth, Left<T> a, Right<T> b, bool ahead,
                                   Result<T> c) {
  for (int64_t i = 0; i < m; i += kRows) {
    const int64_t row = std::min(i, m - kRows);
    gemm_column_rows<kRows>(depth, a.from(row), b, ahead, c.from(row));
  }
}
#endif

/// C (m, 1) = A (m, depth) B (depth, 1), bit for bit as `gemm` gives it; the rest of its panel is
/// 0. False, and nothing done, where A does not suit it.
///
/// `gemm` broadcasts an element of A for two vectors of columns, of which one number is wanted
/// here. This turns squares of A in registers, so that a vector holds the elements of eight rows
/// (AVX2, float32): for them and 4 steps of depth 8 loads, 8 shuffles and 4 multiply-adds instead
/// of 32 broadcasts and 64 multiply-adds.
template <class T>
HWY_NOINLINE bool gemm_column([[maybe_unused]] int64_t m, [[maybe_unused]] int64_t depth,
                              [[maybe_unused]] Left<T> a, [[maybe_unused]] Right<T> b,
                              [[maybe_unused]] Result<T> c) {
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t many = 4 * kSide<T>, few = many / 2;
  if (a.column != 1 || depth % kSide<T> || m < few) return false;
  if (m >= many)
    gemm_column_groups<many>(m, depth, a, b, m > many, c);
  else
    gemm_column_groups<few>(m, depth, a, b, false, c);
  return true;
#else
  return false;
#endif
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
