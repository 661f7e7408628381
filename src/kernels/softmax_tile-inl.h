// Softmax, a tile at a time (Milakov and Gimelshein 2018). A vector holds one key's scores of
// neighbouring queries, so the maximum and the sum over keys are vertical: nothing is ever added
// across a vector.
//
// Operations an element: forward 1 maximum, 1 fused multiply-add, 10 for 2^x, 1 sum; the tile's two
// products cost 64 + 64 at D = E = 64. The scores are read twice and written once, from the
// first-level or second-level cache.

#if defined(HEED_KERNELS_SOFTMAX_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_SOFTMAX_TILE_INL_H_
#undef HEED_KERNELS_SOFTMAX_TILE_INL_H_
#else
#define HEED_KERNELS_SOFTMAX_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/exp2-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/stations.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
class Softmax final : public TileNormalizer<T> {
 public:
  /// sinks (H): the score of a key a head that everyone sees and whose value is 0 (Xiao et al.
  /// 2023, gpt-oss 2025); null: none.
  explicit Softmax(const T* sinks) : sinks_(sinks) {}

  void begin(RowState<T> rows, int64_t count) const noexcept override {
    for (int64_t i = 0; i < count; ++i) rows.first[i] = kNothing, rows.second[i] = 0;
  }

  /// first: the maximum m so far; second: sum of exp(score - m).
  HWY_NOINLINE bool forward(const Tile<T>& scores, RowState<T> rows,
                            T* HWY_RESTRICT rescale) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto nothing = hn::Set(d, kNothing), log2e = hn::Set(d, kLog2e);
    bool changed = false;
    for (int64_t i = 0; i < scores.rows; i += 2 * lanes) {
      T* HWY_RESTRICT low = scores.data + i;
      T* HWY_RESTRICT high = low + lanes;
      const auto old0 = hn::Load(d, rows.first + i), old1 = hn::Load(d, rows.first + i + lanes);
      auto max0 = old0, max1 = old1;
      for (int64_t j = 0; j < scores.columns; ++j) {
        max0 = hn::Max(max0, hn::LoadU(d, low + j * scores.stride));
        max1 = hn::Max(max1, hn::LoadU(d, high + j * scores.stride));
      }
      // A row that has seen nothing yet has the maximum -inf; 0 in its place keeps -inf - -inf from
      // being NaN.
      const auto zero = hn::Zero(d);
      const auto minus0 =
          hn::Mul(hn::IfThenElse(hn::Eq(max0, nothing), zero, max0), hn::Set(d, -kLog2e));
      const auto minus1 =
          hn::Mul(hn::IfThenElse(hn::Eq(max1, nothing), zero, max1), hn::Set(d, -kLog2e));
      auto sum0 = zero, sum1 = zero;
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at0 = low + j * scores.stride;
        T* at1 = high + j * scores.stride;
        const auto p0 = exp2_tile(d, hn::MulAdd(hn::LoadU(d, at0), log2e, minus0));
        const auto p1 = exp2_tile(d, hn::MulAdd(hn::LoadU(d, at1), log2e, minus1));
        sum0 = hn::Add(sum0, p0), sum1 = hn::Add(sum1, p1);
        hn::StoreU(p0, d, at0), hn::StoreU(p1, d, at1);
      }
      changed |= update(rows, rescale, i, old0, max0, minus0, sum0);
      changed |= update(rows, rescale, i + lanes, old1, max1, minus1, sum1);
    }
    return changed;
  }

  /// forward() of one query whose scores lie side by side, with room for whole vectors; the factor.
  HWY_INLINE T forward_one(const Tile<T>& scores, RowState<T> row) const noexcept {
    const Vector<T> d;
    const hn::CappedTag<T, 1> one;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    T* HWY_RESTRICT at = scores.data;
    std::fill(at + scores.columns, at + round_up(scores.columns, lanes), kNothing);
    const T old = row.first[0];
    auto most = hn::Set(d, old);
    for (int64_t j = 0; j < scores.columns; j += lanes) most = hn::Max(most, hn::LoadU(d, at + j));
    const T max = hn::GetLane(hn::MaxOfLanes(d, most));
    const auto log2e = hn::Set(d, kLog2e);
    const auto minus = hn::Set(d, (max == kNothing ? T{0} : max) * -kLog2e);
    const auto weight = [&](auto score)
                            HWY_ATTR { return exp2_tile(d, hn::MulAdd(score, log2e, minus)); };
    for (int64_t j = 0; j < scores.columns; j += lanes)
      hn::StoreU(weight(hn::LoadU(d, at + j)), d, at + j);
    T sum = 0;
    for (int64_t j = 0; j < scores.columns; ++j) sum += at[j];
    const T factor = old == max ? T{1} : hn::GetLane(weight(hn::Set(d, old)));
    row.first[0] = max;
    row.second[0] = hn::GetLane(
        hn::MulAdd(hn::Set(one, row.second[0]), hn::Set(one, factor), hn::Set(one, sum)));
    return factor;
  }

  void finish(RowState<T> rows, int64_t head, int64_t count, T* factor,
              T* number) const noexcept override {
    for (int64_t i = 0; i < count; ++i) {
      const T max = rows.first[i], sum = rows.second[i];
      if (!sinks_) {
        factor[i] = sum == 0 ? T{0} : 1 / sum;
        number[i] = sum == 0 ? kNothing : max + std::log(sum);
        continue;
      }
      const T sink = sinks_[head], top = std::max(max, sink);
      const T seen = sum == 0 ? T{0} : std::exp(max - top), all = sum * seen + std::exp(sink - top);
      factor[i] = seen / all;
      number[i] = top + std::log(all);
    }
  }

  void conclude(const RowState<T>& delta, const T* number, const T*, int64_t, int64_t head,
                int64_t rows, T* grad_sink) const noexcept override {
    for (int64_t i = 0; sinks_ && i < rows; ++i) {
      grad_sink[i] = -std::exp(sinks_[head] - number[i]) * delta.first[i];
    }
  }

  /// P = exp(score - lse), dS = P (dP - delta).
  HWY_NOINLINE void backward(const Tile<T>& scores, const T* HWY_RESTRICT number,
                             const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto nothing = hn::Set(d, kNothing), log2e = hn::Set(d, kLog2e);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto lse = hn::Load(d, number + i), sum = hn::Load(d, delta.first + i);
      const auto minus =
          hn::Mul(hn::IfThenElse(hn::Eq(lse, nothing), hn::Zero(d), lse), hn::Set(d, -kLog2e));
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* HWY_RESTRICT score = scores.data + j * scores.stride + i;
        T* HWY_RESTRICT grad = gradient.data + j * gradient.stride + i;
        const auto s = hn::LoadU(d, score);
        const auto hidden = hn::Eq(s, nothing);
        const auto p = hn::IfThenZeroElse(hidden, exp2_tile(d, hn::MulAdd(s, log2e, minus)));
        const auto ds = hn::Mul(p, hn::Sub(hn::LoadU(d, grad), sum));
        hn::StoreU(p, d, score);
        hn::StoreU(hn::IfThenZeroElse(hidden, ds), d, grad);
      }
    }
  }

 private:
  const T* sinks_;

  static constexpr T kNothing = -std::numeric_limits<T>::infinity();
  static constexpr T kLog2e = static_cast<T>(1.4426950408889634);

  template <class V>
  HWY_INLINE static bool update(RowState<T> rows, T* rescale, int64_t i, V old, V max, V minus,
                                V sum) {
    const Vector<T> d;
    // Where the maximum stays, exactly 1. From -inf the factor is 0, as 2^-inf is.
    const auto same = hn::Eq(old, max);
    const auto factor = hn::IfThenElse(same, hn::Set(d, T{1}),
                                       exp2_tile(d, hn::MulAdd(old, hn::Set(d, kLog2e), minus)));
    hn::Store(factor, d, rescale + i);
    hn::Store(max, d, rows.first + i);
    hn::Store(hn::MulAdd(hn::Load(d, rows.second + i), factor, sum), d, rows.second + i);
    return !hn::AllTrue(d, same);
  }
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
