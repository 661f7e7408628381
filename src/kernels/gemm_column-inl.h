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
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR
/// A group of kRows rows of C. Their successors in A come from memory meanwhile, if `ahead`.
template <int64_t kRows, class T>
HWY_INLINE void gemm_column_rows(int64_t depth, Left<T> a, Right<T> b, bool ahead,
                                 T* HWY_RESTRICT c) {
  constexpr int64_t side = kSide<T>;
  const hn::CappedTag<T, 32 / sizeof(T)> d;
  constexpr int64_t lanes = hn::MaxLanes(d);
  auto c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0;
  for (int64_t k = 0; k < depth; k += side) {
    if (ahead) {  // in four turns a line of 64 bytes of every row
      const T* next = a.data + (kRows + k / side % 4 * (kRows / 4)) * a.row + k;
      for (int64_t r = 0; r < kRows / 4; ++r) hwy::Prefetch(next + r * a.row);
    }
    const auto add = [&](int64_t first, auto& sum) HWY_ATTR {
      hn::Vec<decltype(d)> columns[side];
      load_transposed(d, a.data + first * a.row + k, a.row, columns);
      for (int64_t x = 0; x < side; ++x)
        sum = hn::MulAdd(columns[x], hn::Set(d, b.data[(k + x) * b.stride]), sum);
    };
    add(0, c0);
    if constexpr (kRows > lanes) add(lanes, c1);
    if constexpr (kRows > 2 * lanes) add(2 * lanes, c2), add(3 * lanes, c3);
  }
  hn::StoreU(c0, d, c);
  if constexpr (kRows > lanes) hn::StoreU(c1, d, c + lanes);
  if constexpr (kRows > 2 * lanes)
    hn::StoreU(c2, d, c + 2 * lanes), hn::StoreU(c3, d, c + 3 * lanes);
}

/// All of C by groups, the last of which ends where C does.
template <int64_t kRows, class T>
HWY_INLINE void gemm_column_groups(int64_t m, int64_t depth, Left<T> a, Right<T> b, bool ahead,
                                   T* c) {
  for (int64_t i = 0; i < m; i += kRows) {
    const int64_t row = std::min(i, m - kRows);
    gemm_column_rows<kRows>(depth, a.from(row), b, ahead, c + row);
  }
}
#endif

/// Any A, four numbers at a time: their sums do not wait for each other.
template <class T>
HWY_INLINE void gemm_column_numbers(int64_t m, int64_t depth, Left<T> a, Right<T> b,
                                    T* HWY_RESTRICT c) {
  const hn::CappedTag<T, 1> one;
  for (int64_t i = 0; i < m; i += 4) {
    const auto row = [&](int64_t r) { return a.data + std::min(i + r, m - 1) * a.row; };
    const T *row0 = row(0), *row1 = row(1), *row2 = row(2), *row3 = row(3);
    auto sum0 = hn::Zero(one), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (int64_t k = 0; k < depth; ++k) {
      const auto right = hn::Set(one, b.data[k * b.stride]);
      const int64_t at = k * a.column;
      sum0 = hn::MulAdd(hn::Set(one, row0[at]), right, sum0);
      sum1 = hn::MulAdd(hn::Set(one, row1[at]), right, sum1);
      sum2 = hn::MulAdd(hn::Set(one, row2[at]), right, sum2);
      sum3 = hn::MulAdd(hn::Set(one, row3[at]), right, sum3);
    }
    const T sums[4] = {hn::GetLane(sum0), hn::GetLane(sum1), hn::GetLane(sum2), hn::GetLane(sum3)};
    std::copy_n(sums, std::min<int64_t>(4, m - i), c + i);
  }
}

/// C (m, 1) = A (m, depth) B (depth, 1), side by side, bit for bit as `gemm` gives it.
///
/// `gemm` broadcasts an element of A for two vectors of columns, of which one number is wanted
/// here. This transposes squares of A in registers, so that a vector holds the elements of eight
/// rows (AVX2, float32): for them and 4 steps of depth 8 loads, 8 shuffles and 4 multiply-adds
/// instead of 32 broadcasts and 64 multiply-adds. Where A has few rows or does not suit: number by
/// number.
template <class T>
HWY_NOINLINE void gemm_column(int64_t m, int64_t depth, Left<T> a, Right<T> b, T* c) {
#if HWY_TARGET != HWY_SCALAR
  constexpr int64_t many = 4 * kSide<T>, few = many / 2;
  if (a.column == 1 && depth % kSide<T> == 0 && m >= few) {
    if (m >= many) return gemm_column_groups<many>(m, depth, a, b, m > many, c);
    return gemm_column_groups<few>(m, depth, a, b, false, c);
  }
#endif
  gemm_column_numbers(m, depth, a, b, c);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
