// Squares of 4 x 4 floats or 2 x 2 doubles, transposed in registers: one in every 128 bits of the
// vectors. With their squares' rows loaded from below each other, whole vectors of columns come
// out: for 16 vectors of 4 AVX-512 takes 16 loads, 12 of which join what is there, and 8 shuffles.

#if defined(HEED_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_TRANSPOSE_INL_H_
#undef HEED_KERNELS_TRANSPOSE_INL_H_
#else
#define HEED_KERNELS_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
constexpr int64_t kSide = 16 / sizeof(T);

template <class D, class V>
HWY_INLINE void transpose(D d, V (&rows)[2]) {
  const V low = hn::InterleaveLower(d, rows[0], rows[1]);
  rows[1] = hn::InterleaveUpper(d, rows[0], rows[1]), rows[0] = low;
}

template <class D, class V>
HWY_INLINE void transpose(D d, V (&rows)[4]) {
  const hn::Repartition<uint64_t, D> pairs;
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, rows[0], rows[1]));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, rows[2], rows[3]));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, rows[0], rows[1]));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, rows[2], rows[3]));
  rows[0] = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
  rows[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
  rows[2] = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
  rows[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
}

/// Pieces of kSide numbers, `apart` from each other, as one vector.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_pieces(D d, const T* HWY_RESTRICT from, int64_t apart) {
  constexpr int64_t pieces = hn::MaxLanes(d) / kSide<T>;
  if constexpr (pieces > 1) {
    const hn::Half<D> half;
    return hn::Combine(d, load_pieces(half, from + pieces / 2 * apart, apart),
                       load_pieces(half, from, apart));
  } else {
    return hn::LoadU(d, from);
  }
}

/// The columns of Lanes(d) rows of kSide numbers, the rows `apart`.
template <class D, class T>
HWY_INLINE void load_transposed(D d, const T* HWY_RESTRICT from, int64_t apart,
                                hn::Vec<D> (&columns)[kSide<T>]) {
  for (int64_t r = 0; r < kSide<T>; ++r)
    columns[r] = load_pieces(d, from + r * apart, kSide<T> * apart);
  transpose(d, columns);
}

/// Calls visit(tag, first) for 0 .. count - 1, a multiple of kSide, in vectors as wide as they fit.
template <class T, class D, class Visit>
HWY_INLINE void for_vectors(D d, int64_t count, const Visit& visit, int64_t first = 0) {
  constexpr int64_t lanes = hn::MaxLanes(d);
  for (; first + lanes <= count; first += lanes) visit(d, first);
  if constexpr (lanes > kSide<T>) for_vectors<T>(hn::Half<D>(), count, visit, first);
}

#endif
}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
