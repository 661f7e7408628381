// Sixteen counters make 64 decisions, laid out so that every width of vectors stores them in the
// same places. Rounds of philox are chains of ten multiplications, so four blocks go through them together.
#include "kernels/dropout_array.h"

#include "heed/core/threads.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout_array.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dropout_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

constexpr int64_t kDecisions = 64, kCounters = 16;
constexpr int64_t kBlocksAtOnce = 4;  // whose rounds do not wait for each other

/// The rounds of philox_rounds on several counters at once: each waits for the one before.
template <int kCount, class V>
HWY_INLINE void philox_blocks(uint64_t seed, V (&c0)[kCount], V (&c1)[kCount], V (&c2)[kCount],
                              V (&c3)[kCount]) {
  const Words d;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  const V m0 = hn::Set(d, 0xD2511F53u), m1 = hn::Set(d, 0xCD9E8D57u);
  for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9, k1 += 0xBB67AE85) {
    const V key0 = hn::Set(d, k0), key1 = hn::Set(d, k1);
    for (int b = 0; b < kCount; ++b) {
      V low0 = c0[b], high0 = low0, low1 = low0, high1 = low0;
      multiply_wide(c0[b], m0, low0, high0);
      multiply_wide(c2[b], m1, low1, high1);
      c0[b] = hn::Xor(hn::Xor(high1, c1[b]), key0), c1[b] = low1;
      c2[b] = hn::Xor(hn::Xor(high0, c3[b]), key1), c3[b] = low0;
    }
  }
}

/// The words of elements 64 block .. 64 (block + kBlocksAtOnce) - 1.
HWY_INLINE void words_of_blocks(uint64_t seed, int64_t block, uint32_t* HWY_RESTRICT words) {
  const Words d;
  using V = hn::Vec<Words>;
  constexpr int kAtOnce =
      hn::MaxLanes(Words()) >= 16 ? 4 : 2;  // as many as there are registers for
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t vectors = kBlocksAtOnce * kCounters / lanes;
  for (int64_t v = 0; v < vectors; v += kAtOnce) {
    V c0[kAtOnce], c1[kAtOnce], c2[kAtOnce], c3[kAtOnce];
    for (int b = 0; b < kAtOnce; ++b) {
      const uint64_t first = static_cast<uint64_t>(block) * kCounters + (v + b) * lanes;
      c0[b] = hn::Iota(d, static_cast<uint32_t>(first));
      c1[b] = hn::Set(d, static_cast<uint32_t>(first >> 32));
      c2[b] = hn::Set(d, 1u), c3[b] = hn::Zero(d);
    }
    philox_blocks<kAtOnce>(seed, c0, c1, c2, c3);
    for (int b = 0; b < kAtOnce; ++b) {
      const int64_t first = (v + b) * lanes;
      uint32_t* to = words + first / kCounters * kDecisions + first % kCounters;
      hn::StoreU(c0[b], d, to), hn::StoreU(c1[b], d, to + kCounters);
      hn::StoreU(c2[b], d, to + 2 * kCounters), hn::StoreU(c3[b], d, to + 3 * kCounters);
    }
  }
}

struct Keeping {
  uint32_t threshold;  ///< the least word that keeps
  double factor;       ///< of what is kept
};

HWY_INLINE Keeping keeping_of(double probability) {
  const uint64_t limit = dropout_threshold(probability);
  return {static_cast<uint32_t>(HWY_MIN(limit, uint64_t{0xFFFFFFFFu})),
          limit > 0xFFFFFFFFu ? 0 : dropout_scale(probability)};
}

/// Whether a vector's decisions are whole bytes.
template <class T>
constexpr bool kByVectors = sizeof(T) == 4 && hn::MaxLanes(Words()) >= 8;

/// A vector of y: what is kept of x, and the residual.
template <class D, class M>
HWY_INLINE void put_kept(D d, M keeps, float factor, const float* x, const float* residual,
                         float* y) {
  auto v = hn::IfThenElseZero(keeps, hn::Mul(hn::LoadU(d, x), hn::Set(d, factor)));
  if (residual) v = hn::Add(hn::LoadU(d, residual), v);
  hn::StoreU(v, d, y);
}

/// `count` elements, whole vectors of them.
HWY_INLINE void drop_vectors(int64_t count, const uint32_t* HWY_RESTRICT words, const Keeping& how,
                             const float* HWY_RESTRICT x, const float* HWY_RESTRICT residual,
                             float* HWY_RESTRICT y, uint8_t* HWY_RESTRICT kept) {
  const Words of_words;
  const hn::Rebind<float, Words> d;
  const auto limit = hn::Set(of_words, how.threshold);
  const auto factor = static_cast<float>(how.factor);
  for (int64_t i = 0; i < count; i += static_cast<int64_t>(hn::Lanes(d))) {
    const auto word = hn::Load(of_words, words + i);
    const auto keeps = hn::RebindMask(d, hn::Eq(hn::Max(word, limit), word));  // word >= limit
    put_kept(d, keeps, factor, x + i, residual ? residual + i : nullptr, y + i);
    if (kept) hn::StoreMaskBits(d, keeps, kept + i / 8);
  }
}

template <class T>
void drop_piece(double probability, uint64_t seed, int64_t first, int64_t end, const T* x,
                const T* residual, T* y, uint8_t* kept) {
  constexpr int64_t kAtOnce = kBlocksAtOnce * kDecisions;
  const Keeping how = keeping_of(probability);
  const T factor = static_cast<T>(how.factor);
  HWY_ALIGN uint32_t words[kAtOnce];
  for (int64_t e = first; e < end; e += kAtOnce) {
    words_of_blocks(seed, e / kDecisions, words);
    const int64_t n = HWY_MIN(kAtOnce, end - e);
    int64_t i = 0;
    if constexpr (kByVectors<T>) {
      i = n / kCounters * kCounters;
      drop_vectors(i, words, how, x + e, residual ? residual + e : nullptr, y + e,
                   kept ? kept + e / 8 : nullptr);
    }
    for (; i < n; ++i) {
      const bool keeps = words[i] >= how.threshold;
      const T v = keeps ? x[e + i] * factor : T{0};
      y[e + i] = residual ? residual[e + i] + v : v;
      if (!kept) continue;
      uint8_t& bits = kept[(e + i) / 8];
      bits = static_cast<uint8_t>((i % 8 == 0 ? 0 : bits) | keeps << i % 8);
    }
  }
}

/// The same from decisions that were made before.
template <class T>
void keep_piece(double probability, int64_t first, int64_t end, const uint8_t* kept, const T* x,
                T* y) {
  const T factor = static_cast<T>(keeping_of(probability).factor);
  int64_t e = first;
  if constexpr (kByVectors<T>) {
    const hn::Rebind<float, Words> d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    for (; e + lanes <= end; e += lanes)
      put_kept(d, hn::LoadMaskBits(d, kept + e / 8), factor, x + e, nullptr, y + e);
  }
  for (; e < end; ++e) y[e] = (kept[e / 8] >> e % 8 & 1) != 0 ? x[e] * factor : T{0};
}

void drop_piece_float(double probability, uint64_t seed, int64_t first, int64_t end, const float* x,
                      const float* residual, float* y, uint8_t* kept) {
  drop_piece(probability, seed, first, end, x, residual, y, kept);
}
void drop_piece_double(double probability, uint64_t seed, int64_t first, int64_t end,
                       const double* x, const double* residual, double* y, uint8_t* kept) {
  drop_piece(probability, seed, first, end, x, residual, y, kept);
}
void keep_piece_float(double probability, int64_t first, int64_t end, const uint8_t* kept,
                      const float* x, float* y) {
  keep_piece(probability, first, end, kept, x, y);
}
void keep_piece_double(double probability, int64_t first, int64_t end, const uint8_t* kept,
                       const double* x, double* y) {
  keep_piece(probability, first, end, kept, x, y);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(drop_piece_float);
HWY_EXPORT(drop_piece_double);
HWY_EXPORT(keep_piece_float);
HWY_EXPORT(keep_piece_double);

namespace {

template <class Body>
void by_dropout_pieces(int64_t count, const Body& body) {
  constexpr int64_t kPiece = 1 << 15;  // a multiple of the decisions of all blocks at once
  parallel_for((count + kPiece - 1) / kPiece,
               [&](int64_t task) { body(task * kPiece, HWY_MIN(count, (task + 1) * kPiece)); });
}

}  // namespace

void dropout_array(double probability, uint64_t seed, int64_t count, const float* x,
                   const float* residual, float* y, uint8_t* kept) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(drop_piece_float)(probability, seed, first, end, x, residual, y, kept);
  });
}

void dropout_array(double probability, uint64_t seed, int64_t count, const double* x,
                   const double* residual, double* y, uint8_t* kept) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(drop_piece_double)(probability, seed, first, end, x, residual, y, kept);
  });
}

void keep_array(double probability, int64_t count, const uint8_t* kept, const float* x, float* y) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(keep_piece_float)(probability, first, end, kept, x, y);
  });
}

void keep_array(double probability, int64_t count, const uint8_t* kept, const double* x,
                double* y) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(keep_piece_double)(probability, first, end, kept, x, y);
  });
}

}  // namespace heed::kernels
#endif
