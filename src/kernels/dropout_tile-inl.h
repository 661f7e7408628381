// Dropout of a tile: 40 vectors of four keys' decisions for the neighbouring queries of a vector at
// a time.

#if defined(HEED_KERNELS_DROPOUT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_DROPOUT_TILE_INL_H_
#undef HEED_KERNELS_DROPOUT_TILE_INL_H_
#else
#define HEED_KERNELS_DROPOUT_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/attend.h"
#include "kernels/blocks.h"
#include "kernels/dropout.h"
#include "kernels/masking.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::CappedTag<uint32_t, kMaxLanes>;

/// The low and high halves of the 64-bit products of all lanes.
template <class V>
HWY_INLINE void multiply_wide(V a, V factor, V& low, V& high) {
  const Words d;
#if HWY_TARGET == HWY_SCALAR
  const uint64_t product = uint64_t{hn::GetLane(a)} * hn::GetLane(factor);
  low = hn::Set(d, static_cast<uint32_t>(product));
  high = hn::Set(d, static_cast<uint32_t>(product >> 32));
#else
  const hn::RepartitionToWide<Words> wide;
  const auto even = hn::MulEven(a, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factor);
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
#endif
}

/// Rounds of philox (heed/core/random.h) turn counters into words, a lane each.
template <int kRounds, class V>
HWY_INLINE void philox_rounds(uint64_t seed, V& c0, V& c1, V& c2, V& c3) {
  const Words d;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  const auto m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  for (int round = 0; round < kRounds; ++round) {
    auto low0 = c0, high0 = c0, low1 = c0, high1 = c0;
    multiply_wide(c0, m0, low0, high0);
    multiply_wide(c2, m1, low1, high1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, k0)), c1 = low1;
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, k1)), c3 = low0;
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
}

/// Four words of philox for each of the queries row .. row + lanes - 1, stored at out, out +
/// stride, ...
HWY_INLINE void philox_rows(uint64_t seed, uint32_t group, uint32_t row, uint32_t head,
                            uint32_t batch, uint32_t* out, int64_t stride) {
  const Words d;
  auto c0 = hn::Set(d, group), c1 = hn::Iota(d, row);
  auto c2 = hn::Set(d, head), c3 = hn::Set(d, batch);
  philox_rounds<kDropoutRounds>(seed, c0, c1, c2, c3);
  hn::StoreU(c0, d, out);
  hn::StoreU(c1, d, out + stride);
  hn::StoreU(c2, d, out + 2 * stride);
  hn::StoreU(c3, d, out + 3 * stride);
}

/// factor(i, j) = 1 / (1 - probability) where (i, j) of the tile is kept, 0 where it is dropped.
template <class T>
HWY_NOINLINE void dropout_factors(const Problem<T>& problem, const Tile<T>& here) {
  const Tile<T> factor = in_whole(problem, here);
  const double probability = problem.dropout;
  // A word up to `last` drops. In 32 bits, so that the comparison is a vector's.
  const uint64_t threshold = dropout_threshold(probability);
  const bool drops = threshold > 0;
  const uint32_t last = static_cast<uint32_t>(threshold - 1);
  const T kept = static_cast<T>(dropout_scale(probability));
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(Words()));
  HWY_ALIGN uint32_t words[4 * (kQueries + kMaxLanes)];
  constexpr int64_t kWords = kQueries + kMaxLanes;
  for (int64_t j = 0; j < factor.columns;) {
    const int64_t key = factor.column + j;
    for (int64_t i = 0; i < factor.rows; i += lanes) {
      philox_rows(problem.seed, static_cast<uint32_t>(key / 4),
                  static_cast<uint32_t>(factor.row + i), static_cast<uint32_t>(factor.head),
                  static_cast<uint32_t>(factor.batch), words + i, kWords);
    }
    for (int64_t word = key % 4; word < 4 && j < factor.columns; ++word, ++j) {
      for (int64_t i = 0; i < factor.rows; ++i) {
        factor.data[j * factor.stride + i] = words[word * kWords + i] > last ? kept : T{0};
      }
      for (int64_t i = 0; !drops && i < factor.rows; ++i) factor.data[j * factor.stride + i] = kept;
    }
  }
}

template <class T>
HWY_NOINLINE void multiply_tile(const Tile<T>& tile, const Tile<T>& factor) {
  for (int64_t j = 0; j < tile.columns; ++j) {
    T* HWY_RESTRICT to = tile.data + j * tile.stride;
    const T* HWY_RESTRICT by = factor.data + j * factor.stride;
    for (int64_t i = 0; i < tile.rows; ++i) to[i] *= by[i];
  }
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
