// Every product of attention, C (m, n) += A (m, depth) B (depth, n), is this one micro-kernel.
//
// A may have any strides: its elements are broadcast from memory one by one, so neither keys nor
// values are packed, and a tile of scores serves as it stands or transposed. Rows of B and C are
// contiguous and as wide as whole panels; a panel is two vectors.
//
// Registers: 6 rows x 2 vectors of C = 12, B 2, A 1: 15 of AVX2's 16. One step of depth is 2 loads,
// 6 broadcasts and 12 fused multiply-adds: with two of these a cycle 6 cycles, in which the loads
// take 4. Twelve independent sums cover the latency of 4 cycles x 2 a cycle. Bytes: C is read and
// written once for `depth` steps, 24 of 24 + 8 depth memory operations: 4 % at depth 64. Rows
// outside, panels inside: six rows of A stay in the first-level cache for all of B's panels, and B
// (depth x 64 numbers at D = 64) stays there for all rows.
//
// The sum over depth runs in order from 0, one fused multiply-add per step, and joins what C holds
// once, whatever the position in the tile: so a row's bits do not depend on which rows it was
// computed with, `gemm_visible` below can leave terms out, and a long sum that comes tile by tile
// collects a rounding error per tile and not per term.

#if defined(HEED_KERNELS_GEMM_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_GEMM_TILE_INL_H_
#undef HEED_KERNELS_GEMM_TILE_INL_H_
#else
#define HEED_KERNELS_GEMM_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <type_traits>

#include "kernels/blocks.h"
#include "kernels/operands.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Vector = hn::CappedTag<T, kMaxLanes>;

template <class T>
HWY_INLINE int64_t panel_width() {
  return 2 * static_cast<int64_t>(hn::Lanes(Vector<T>()));
}

inline constexpr int kTileRows = 6;

/// Calls f with `rows`, 1 to kMost, as a constant.
template <int kMost, class F>
HWY_INLINE void with_rows(int64_t rows, const F& f) {
  if constexpr (kMost > 1) {
    if (rows < kMost) return with_rows<kMost - 1>(rows, f);
  }
  f(std::integral_constant<int, kMost>());
}

/// kRows rows and one panel of C; kAdd: added to what C holds.
template <int kRows, bool kAdd, class T>
HWY_INLINE void gemm_rows(int64_t depth, Left<T> a, Right<T> b, Result<T> c) {
  const Vector<T> d;
  using V = hn::Vec<Vector<T>>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  V low[kRows], high[kRows];
  for (int i = 0; i < kRows; ++i) low[i] = high[i] = hn::Zero(d);
  const T* HWY_RESTRICT left = a.data;
  const T* HWY_RESTRICT right = b.data;
  HWY_UNROLL(4)  // so few turns that the branch predictor knows the last
  for (int64_t k = 0; k < depth; ++k) {
    const V b0 = hn::LoadU(d, right), b1 = hn::LoadU(d, right + lanes);
    for (int i = 0; i < kRows; ++i) {
      const V element = hn::Set(d, left[i * a.row]);
      low[i] = hn::MulAdd(element, b0, low[i]), high[i] = hn::MulAdd(element, b1, high[i]);
    }
    left += a.column;
    right += b.stride;
  }
  for (int i = 0; i < kRows; ++i) {
    T* to = c.data + i * c.stride;
    hn::StoreU(kAdd ? hn::Add(hn::LoadU(d, to), low[i]) : low[i], d, to);
    hn::StoreU(kAdd ? hn::Add(hn::LoadU(d, to + lanes), high[i]) : high[i], d, to + lanes);
  }
}

/// kRows rows of C = A B, or += where kAdd, a panel after the other.
template <int kRows, bool kAdd, class T>
HWY_INLINE void gemm_panels(int64_t n, int64_t depth, Left<T> a, Right<T> b, Result<T> c) {
  for (int64_t j = 0; j < n; j += panel_width<T>()) {
    gemm_rows<kRows, kAdd>(depth, a, Right<T>{b.data + j, b.stride}, c.from(0, j));
  }
}

/// C (m, n) = A B, or += where kAdd; n is rounded up to whole panels. m is parted evenly into as
/// few tiles of at most kTileRows rows as it takes: 8 rows are 4 + 4, because the sums of a tile of
/// two would wait for each other.
template <bool kAdd, class T>
HWY_NOINLINE void gemm(int64_t m, int64_t n, int64_t depth, Left<T> a, Right<T> b, Result<T> c) {
  int64_t i = 0;
  const auto tile = [&](auto rows)
                        HWY_ATTR { gemm_panels<rows, kAdd>(n, depth, a.from(i), b, c.from(i)); };
  for (int64_t tiles = divide_up(m, kTileRows), rows = 0; tiles > 0; --tiles, i += rows) {
    rows = divide_up(m - i, tiles);
    with_rows<kTileRows>(rows, tile);
  }
}

/// Whether any of `rows` rows of `width` numbers is NaN or infinite.
template <class T>
HWY_NOINLINE bool has_nonfinite(Right<T> b, int64_t rows, int64_t width) {
  const Vector<T> d;
  const int64_t panel = panel_width<T>(), lanes = panel / 2;
  auto low = hn::Zero(d),
       high = hn::Zero(d);  // 0 as long as every x is finite: x 0 = 0, NaN otherwise
  for (int64_t k = 0; k < rows; ++k) {
    for (int64_t j = 0; j < width; j += panel) {
      low = hn::MulAdd(hn::LoadU(d, b.data + k * b.stride + j), hn::Zero(d), low);
      high = hn::MulAdd(hn::LoadU(d, b.data + k * b.stride + j + lanes), hn::Zero(d), high);
    }
  }
  return !hn::AllTrue(d, hn::Eq(hn::Add(low, high), hn::Zero(d)));
}

/// C (m, n) += A B without the terms whose element of A is hidden (`hidden` has A's strides). For
/// tiles that a mask cuts and whose B holds NaN or infinity, which times a hidden 0 would be NaN.
/// The other terms are added as `gemm` adds them.
template <class T>
HWY_NOINLINE void gemm_visible(int64_t m, int64_t n, int64_t depth, Left<T> a,
                               const uint8_t* hidden, Right<T> b, Result<T> c) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < round_up(n, 2 * lanes); j += lanes) {
      auto sum = hn::Zero(d);
      for (int64_t k = 0; k < depth; ++k) {
        const int64_t at = i * a.row + k * a.column;
        if (hidden[at]) continue;
        sum = hn::MulAdd(hn::Set(d, a.data[at]), hn::LoadU(d, b.data + k * b.stride + j), sum);
      }
      T* to = c.data + i * c.stride + j;
      hn::StoreU(hn::Add(hn::LoadU(d, to), sum), d, to);
    }
  }
}

/// kVectors vectors of a row of C += A B.
template <int kVectors, class T>
HWY_INLINE void add_vectors(int64_t depth, Left<T> a, Right<T> b, T* HWY_RESTRICT to) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto load = [&](const T* from, int v) HWY_ATTR { return hn::LoadU(d, from + v * lanes); };
  auto c0 = hn::Zero(d), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  const T* HWY_RESTRICT right = b.data;
  for (int64_t k = 0; k < depth; ++k, right += b.stride) {
    const auto element = hn::Set(d, a.data[k * a.column]);
    c0 = hn::MulAdd(element, load(right, 0), c0), c1 = hn::MulAdd(element, load(right, 1), c1);
    if constexpr (kVectors > 2)
      c2 = hn::MulAdd(element, load(right, 2), c2), c3 = hn::MulAdd(element, load(right, 3), c3);
    if constexpr (kVectors > 4) {
      c4 = hn::MulAdd(element, load(right, 4), c4), c5 = hn::MulAdd(element, load(right, 5), c5);
      c6 = hn::MulAdd(element, load(right, 6), c6), c7 = hn::MulAdd(element, load(right, 7), c7);
    }
  }
  const auto end = [&](int v, auto sum)
                       HWY_ATTR { hn::StoreU(hn::Add(load(to, v), sum), d, to + v * lanes); };
  end(0, c0), end(1, c1);
  if constexpr (kVectors > 2) end(2, c2), end(3, c3);
  if constexpr (kVectors > 4) end(4, c4), end(5, c5), end(6, c6), end(7, c7);
}

/// One row of C (1, n) += A (1, depth) B (depth, n), up to four panels at a time: their sums do not
/// wait for each other, and rows of B are read from end to end, as memory likes it where B comes
/// from there (decoding). Adds as `gemm` does.
template <class T>
HWY_NOINLINE void add_row(int64_t n, int64_t depth, Left<T> a, Right<T> b, Result<T> c) {
  const int64_t panel = panel_width<T>();
  int64_t j = 0;
  const auto here = [&]() HWY_ATTR { return Right<T>{b.data + j, b.stride}; };
  for (; j + 4 * panel <= round_up(n, panel); j += 4 * panel)
    add_vectors<8>(depth, a, here(), c.data + j);
  if (j + 2 * panel <= round_up(n, panel))
    add_vectors<4>(depth, a, here(), c.data + j), j += 2 * panel;
  if (j < n) add_vectors<2>(depth, a, here(), c.data + j);
}

/// C += A B, without the hidden terms where there are any that matter.
template <class T>
HWY_INLINE void accumulate(int64_t m, int64_t n, int64_t depth, Left<T> a, const uint8_t* hidden,
                           Right<T> b, Result<T> c) {
  if (hidden) return gemm_visible(m, n, depth, a, hidden, b, c);
  if (m == 1) return add_row(n, depth, a, b, c);
  gemm<true>(m, n, depth, a, b, c);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
