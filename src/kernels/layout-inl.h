// From the user's strides to what the products want, and back. None of it is done a tile at a time
// for contiguous inputs whose width is a whole number of panels.

#if defined(HEED_KERNELS_LAYOUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LAYOUT_INL_H_
#undef HEED_KERNELS_LAYOUT_INL_H_
#else
#define HEED_KERNELS_LAYOUT_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/attend.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rows first .. first + rows - 1 of one head.
template <class T>
HWY_INLINE Left<T> rows_of(View<const T> view, int64_t batch, int64_t head, int64_t first) {
  return {view.at(batch, head) + first * view.row, view.row, view.column};
}

/// Keys (values) first .. of one head, as far as their block goes.
template <class T>
HWY_INLINE Left<T> keys_of(const Problem<T>& problem, int64_t batch, int64_t head, int64_t first) {
  const auto& paged = problem.paged;
  if (!paged.pages) return rows_of(problem.k, batch, head, first);
  const T* page = paged.pages[batch * paged.per_batch + first / kPageRows];
  const auto& k = problem.k;
  return {page + paged.keys_at + head * k.head + first % kPageRows * k.row, k.row, k.column};
}
template <class T>
HWY_INLINE Left<T> values_of(const Problem<T>& problem, int64_t batch, int64_t head,
                             int64_t first) {
  const auto& paged = problem.paged;
  if (!paged.pages) return rows_of(problem.v, batch, head, first);
  const T* page = paged.pages[batch * paged.per_batch + first / kPageRows];
  const auto& v = problem.v;
  return {page + paged.values_at + head * v.head + first % kPageRows * v.row, v.row, v.column};
}

/// `rows` rows of `width` numbers as the right operand of a product: in place if they are
/// contiguous and whole panels wide, otherwise copied to `buffer` and filled up with 0.
template <class T>
HWY_NOINLINE Right<T> plain_rows(Left<T> from, int64_t rows, int64_t width, T* buffer) {
  const int64_t stride = round_up(width, panel_width<T>());
  if (from.column == 1 && stride == width) return {from.data, from.row};
  for (int64_t i = 0; i < rows; ++i) {
    T* HWY_RESTRICT to = buffer + i * stride;
    const T* HWY_RESTRICT row = from.data + i * from.row;
    if (from.column == 1) {
      for (int64_t e = 0; e < width; ++e) to[e] = row[e];
    } else {
      for (int64_t e = 0; e < width; ++e) to[e] = row[e * from.column];
    }
    for (int64_t e = width; e < stride; ++e) to[e] = 0;
  }
  return {buffer, stride};
}

/// transposed_rows by squares, of rows that are contiguous: all rows, and as many columns from the start as it says; the rest
/// is the caller's. What is behind the last row is filled up with 0 to a multiple of kSide.
template <class T>
HWY_INLINE int64_t transpose_blocks(Left<T> from, int64_t rows, int64_t width, T factor,
                                    T* HWY_RESTRICT to) {
#if HWY_TARGET != HWY_SCALAR
  if (from.column != 1) return 0;
  constexpr int64_t side = kSide<T>;
  const int64_t whole_rows = rows / side * side, columns = width / side * side;
  const auto put = [&](auto d, const T* at, int64_t apart, T* place) HWY_ATTR {
    const auto scale = hn::Set(d, factor);
    hn::Vec<decltype(d)> turned[side];
    load_transposed(d, at, apart, turned);
    for (int64_t x = 0; x < side; ++x)
      hn::StoreU(hn::Mul(turned[x], scale), d, place + x * kStride);
  };
  for_vectors<T>(Vector<T>(), whole_rows, [&](auto d, int64_t i) HWY_ATTR {
    for (int64_t e = 0; e < columns; e += side)
      put(d, from.data + i * from.row + e, from.row, to + e * kStride + i);
  });
  if (whole_rows == rows) return columns;
  HWY_ALIGN T square[side * side] = {};  // with rows of 0
  for (int64_t e = 0; e < columns; e += side) {
    for (int64_t i = whole_rows; i < rows; ++i)
      std::copy_n(from.data + i * from.row + e, side, square + (i - whole_rows) * side);
    put(hn::CappedTag<T, side>(), square, side, to + e * kStride + whole_rows);
  }
  return columns;
#else
  (void)from, (void)rows, (void)width, (void)factor, (void)to;
  return 0;
#endif
}

/// to (width, kStride) = factor from^T, filled up with 0 to whole panels of queries.
template <class T>
HWY_NOINLINE Right<T> transposed_rows(Left<T> from, int64_t rows, int64_t width, T factor,
                                      T* HWY_RESTRICT to) {
  const Vector<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t filled = round_up(rows, panel_width<T>());
  for (int64_t e = 0; e < width && rows < filled; ++e)
    for (int64_t i = rows / lanes * lanes; i < filled; i += lanes)
      hn::StoreU(hn::Zero(d), d, to + e * kStride + i);
  const int64_t done = transpose_blocks(from, rows, width, factor, to);
  for (int64_t i = 0; i < rows && done < width; ++i) {
    const T* HWY_RESTRICT row = from.data + i * from.row;
    for (int64_t e = done; e < width; ++e) to[e * kStride + i] = row[e * from.column] * factor;
  }
  return {to, kStride};
}

/// to[i] = factor from[i] over `width` numbers, to with any stride.
template <class T>
HWY_INLINE void store_row(const T* HWY_RESTRICT from, int64_t width, T factor, T* HWY_RESTRICT to,
                          int64_t stride) {
  if (stride == 1) {
    for (int64_t e = 0; e < width; ++e) to[e] = from[e] * factor;
  } else {
    for (int64_t e = 0; e < width; ++e) to[e * stride] = from[e] * factor;
  }
}

/// Notes where a tile is -inf.
template <class T>
HWY_NOINLINE void mark_hidden(const Tile<T>& scores, uint8_t* HWY_RESTRICT hidden) {
  for (int64_t j = 0; j < scores.columns; ++j) {
    for (int64_t i = 0; i < scores.rows; ++i) {
      hidden[j * scores.stride + i] = scores(i, j) == -std::numeric_limits<T>::infinity();
    }
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
