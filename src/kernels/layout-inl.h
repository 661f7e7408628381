// From the user's strides to what the products want, and back. None of it is done a tile at a time
// for contiguous inputs whose width is a whole number of panels.

#if defined(HEED_KERNELS_LAYOUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_LAYOUT_INL_H_
#undef HEED_KERNELS_LAYOUT_INL_H_
#else
#define HEED_KERNELS_LAYOUT_INL_H_
#endif

#include <hwy/highway.h>

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

/// transposed_rows by squares. Says how many rows and columns from the start it did; the rest is
/// the caller's.
template <class T>
HWY_INLINE void transpose_blocks(Left<T> from, int64_t rows, int64_t width, T factor,
                                 T* HWY_RESTRICT to, int64_t& done_rows, int64_t& done_columns) {
  done_rows = done_columns = 0;
#if HWY_TARGET != HWY_SCALAR
  if (from.column != 1) return;
  constexpr int64_t side = kSide<T>;
  done_rows = rows / side * side, done_columns = width / side * side;
  for_vectors<T>(Vector<T>(), done_rows, [&](auto d, int64_t i) HWY_ATTR {
    const auto scale = hn::Set(d, factor);
    for (int64_t e = 0; e < done_columns; e += side) {
      hn::Vec<decltype(d)> columns[side];
      load_transposed(d, from.data + i * from.row + e, from.row, columns);
      for (int64_t x = 0; x < side; ++x)
        hn::StoreU(hn::Mul(columns[x], scale), d, to + (e + x) * kStride + i);
    }
  });
#else
  (void)from, (void)rows, (void)width, (void)factor, (void)to;
#endif
}

/// to (width, kStride) = factor from^T, filled up with 0 to whole panels of queries.
template <class T>
HWY_NOINLINE Right<T> transposed_rows(Left<T> from, int64_t rows, int64_t width, T factor,
                                      T* HWY_RESTRICT to) {
  int64_t done_rows, done_columns;
  transpose_blocks(from, rows, width, factor, to, done_rows, done_columns);
  for (int64_t i = 0; i < rows; ++i) {
    const T* HWY_RESTRICT row = from.data + i * from.row;
    for (int64_t e = i < done_rows ? done_columns : 0; e < width; ++e) {
      to[e * kStride + i] = row[e * from.column] * factor;
    }
  }
  const int64_t filled = round_up(rows, panel_width<T>());
  for (int64_t e = 0; e < width && rows < filled; ++e) {
    for (int64_t i = rows; i < filled; ++i) to[e * kStride + i] = 0;
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
