// Values that belong to a distance (Shaw et al. 2018, eq. 3): out_i += sum_j w_ij table[c], with
// c = clip(j - i - offset, -most, most) + most. The weights of a query are added up by distance,
// 2 most + 1 sums per query, which then meet the table in one product a block of queries. Sums lie
// by distance, then by query (kStride apart), so that beyond `most` neighbouring queries add side
// by side.

#if defined(HEED_KERNELS_DISTANCE_VALUES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_DISTANCE_VALUES_INL_H_
#undef HEED_KERNELS_DISTANCE_VALUES_INL_H_
#else
#define HEED_KERNELS_DISTANCE_VALUES_INL_H_
#endif

#include <algorithm>

#include "kernels/layout-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

/// Calls op(element of the tile, its sum) for a tile and the sums of its queries. Those of the two
/// ends, where keys share a distance, stand apart.
template <class T, class Op>
HWY_INLINE void by_distance(const DistanceValues<T>& values, const Tile<T>& tile, T* sums, T* far,
                            T* first, Op&& op) {
  const int64_t most = values.most;
  for (int64_t j = 0; j < tile.columns; ++j) {
    T* key = tile.data + j * tile.stride;
    const int64_t here = tile.column + j - tile.row - values.offset;  // where the distance is 0
    const int64_t after = std::clamp<int64_t>(here - most + 1, 0, tile.rows);
    const int64_t before = std::clamp<int64_t>(here + most, after, tile.rows);
    for (int64_t i = 0; i < after; ++i) op(key[i], far[i]);
    const int64_t near = (here + most) * kStride;
    for (int64_t i = after; i < before; ++i) op(key[i], sums[near + i * (1 - kStride)]);
    for (int64_t i = before; i < tile.rows; ++i) op(key[i], first[i]);
  }
}

/// The ends are summed over the tile before they are added: a chain of all keys would round more
/// the more there are.
template <class T>
HWY_NOINLINE void add_to_distances(const DistanceValues<T>& values, const Tile<T>& weights,
                                   T* sums) {
  T far[kStride] = {}, first[kStride] = {};
  by_distance(values, weights, sums, far, first, [](const T& weight, T& sum) { sum += weight; });
  for (int64_t i = 0; i < weights.rows; ++i) sums[2 * values.most * kStride + i] += far[i];
  for (int64_t i = 0; i < weights.rows; ++i) sums[i] += first[i];
}

template <class T>
HWY_NOINLINE void add_of_distances(const DistanceValues<T>& values, T* sums,
                                   const Tile<T>& gradient) {
  by_distance(values, gradient, sums, sums + 2 * values.most * kStride, sums,
              [](T& grad, const T& sum) { grad += sum; });
}

/// The table of a head, (2 most + 1, W).
template <class T>
HWY_INLINE Right<T> distance_table(const DistanceValues<T>& values, int64_t head) {
  return {values.table + head * values.count() * values.width, values.width};
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
