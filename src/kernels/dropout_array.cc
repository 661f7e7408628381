// Sixteen counters make 64 decisions, laid out so that every width of vectors stores them in the
// same places.
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

/// The words of elements 64 block .. 64 block + 63.
HWY_INLINE void words_of_block(uint64_t seed, int64_t block, uint32_t* HWY_RESTRICT words) {
  const Words d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const uint64_t first = static_cast<uint64_t>(block) * kCounters;
  for (int64_t l = 0; l < kCounters; l += lanes) {
    auto c0 = hn::Iota(d, static_cast<uint32_t>(first) + static_cast<uint32_t>(l));
    auto c1 = hn::Set(d, static_cast<uint32_t>(first >> 32)), c2 = hn::Set(d, 1u), c3 = hn::Zero(d);
    philox_rounds<10>(seed, c0, c1, c2, c3);
    hn::StoreU(c0, d, words + l), hn::StoreU(c1, d, words + kCounters + l);
    hn::StoreU(c2, d, words + 2 * kCounters + l), hn::StoreU(c3, d, words + 3 * kCounters + l);
  }
}

template <class T>
void drop_piece(double probability, uint64_t seed, int64_t first, int64_t end,
                const T* HWY_RESTRICT x, const T* HWY_RESTRICT residual, T* HWY_RESTRICT y) {
  const uint64_t limit = dropout_threshold(probability);
  const T scale = static_cast<T>(dropout_scale(probability));
  const T kept = limit > 0xFFFFFFFFu ? T{0} : scale;
  const auto threshold = static_cast<uint32_t>(HWY_MIN(limit, uint64_t{0xFFFFFFFFu}));
  HWY_ALIGN uint32_t words[kDecisions];
  for (int64_t e = first; e < end; e += kDecisions) {
    words_of_block(seed, e / kDecisions, words);
    const int64_t n = HWY_MIN(kDecisions, end - e);
    if (residual)
      for (int64_t i = 0; i < n; ++i)
        y[e + i] = residual[e + i] + (words[i] >= threshold ? x[e + i] * kept : T{0});
    else
      for (int64_t i = 0; i < n; ++i) y[e + i] = words[i] >= threshold ? x[e + i] * kept : T{0};
  }
}

void drop_piece_float(double probability, uint64_t seed, int64_t first, int64_t end, const float* x,
                      const float* residual, float* y) {
  drop_piece(probability, seed, first, end, x, residual, y);
}
void drop_piece_double(double probability, uint64_t seed, int64_t first, int64_t end,
                       const double* x, const double* residual, double* y) {
  drop_piece(probability, seed, first, end, x, residual, y);
}

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(drop_piece_float);
HWY_EXPORT(drop_piece_double);

namespace {

template <class Body>
void by_dropout_pieces(int64_t count, const Body& body) {
  constexpr int64_t kPiece = 1 << 15;  // a multiple of the decisions of a block
  parallel_for((count + kPiece - 1) / kPiece,
               [&](int64_t task) { body(task * kPiece, HWY_MIN(count, (task + 1) * kPiece)); });
}

}  // namespace

void dropout_array(double probability, uint64_t seed, int64_t count, const float* x,
                   const float* residual, float* y) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(drop_piece_float)(probability, seed, first, end, x, residual, y);
  });
}

void dropout_array(double probability, uint64_t seed, int64_t count, const double* x,
                   const double* residual, double* y) {
  by_dropout_pieces(count, [&](int64_t first, int64_t end) {
    HWY_DYNAMIC_DISPATCH(drop_piece_double)(probability, seed, first, end, x, residual, y);
  });
}

}  // namespace heed::kernels
#endif
