// Softmax, a tile at a time (Milakov and Gimelshein 2018). A vector holds one key's scores of
// neighbouring queries, so the maximum and the sum over keys are vertical: nothing is ever added
// across a vector.
//
// A weight is e^(score - max) / sum, in backward as in forward: the difference comes first, so that
// weights do not depend on where a row's scores lie. (With the logarithm of the sum added to max,
// as one number per row, they would: at -1e9 that number has a spacing of 64.)
//
// Operations an element: forward 1 maximum, 1 subtraction, 9 for e^x, 1 sum; the tile's two
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
#include "kernels/long_sum-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
class Softmax final : public TileNormalizer<T> {
 public:
  /// sinks (H): the score of a key per head that everyone sees and whose value is 0 (Xiao et al.
  /// 2023, gpt-oss 2025); null: none.
  explicit Softmax(const T* sinks) : sinks_(sinks) {}

  bool averages() const noexcept override { return true; }

  void begin(const Running<T>& rows, int64_t count) const noexcept override {
    for (int64_t i = 0; i < count; ++i) rows.first[i] = kNothing, rows.second[i] = rows.rest[i] = 0;
  }

  /// first: the maximum m so far; second: sum of e^(score - m); rest: what rounding took off it.
  HWY_NOINLINE bool forward(const Tile<T>& scores, const Running<T>& rows,
                            T* HWY_RESTRICT rescale) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
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
      const auto top0 = finite_or_zero(d, max0), top1 = finite_or_zero(d, max1);
      auto sum0 = hn::Zero(d), sum1 = sum0;
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at0 = low + j * scores.stride;
        T* at1 = high + j * scores.stride;
        const auto p0 = exp_tile(d, hn::Sub(hn::LoadU(d, at0), top0));
        const auto p1 = exp_tile(d, hn::Sub(hn::LoadU(d, at1), top1));
        sum0 = hn::Add(sum0, p0), sum1 = hn::Add(sum1, p1);
        hn::StoreU(p0, d, at0), hn::StoreU(p1, d, at1);
      }
      changed |= update(d, rows.from(i), rescale + i, max0, sum0);
      changed |= update(d, rows.from(i + lanes), rescale + i + lanes, max1, sum1);
    }
    return changed;
  }

  /// forward() of one query whose scores lie side by side, with room for whole vectors; the factor.
  HWY_INLINE T forward_one(const Tile<T>& scores, const Running<T>& row) const noexcept {
    const Vector<T> d;
    const hn::CappedTag<T, 1> one;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    T* HWY_RESTRICT at = scores.data;
    std::fill(at + scores.columns, at + round_up(scores.columns, lanes), kNothing);
    auto most = hn::Set(d, row.first[0]);
    for (int64_t j = 0; j < scores.columns; j += lanes) most = hn::Max(most, hn::LoadU(d, at + j));
    const T max = hn::GetLane(hn::MaxOfLanes(d, most));
    const auto top = finite_or_zero(d, hn::Set(d, max));
    for (int64_t j = 0; j < scores.columns; j += lanes)
      hn::StoreU(exp_tile(d, hn::Sub(hn::LoadU(d, at + j), top)), d, at + j);
    T sum = 0, factor = 1;
    for (int64_t j = 0; j < scores.columns; ++j) sum += at[j];
    update(one, row, &factor, hn::Set(one, max), hn::Set(one, sum));
    return factor;
  }

  void finish(const Running<T>& rows, int64_t head, int64_t count, T* factor,
              T* logsumexp) const noexcept override {
    for (int64_t i = 0; i < count; ++i) {
      T &max = rows.first[i], &sum = rows.second[i];
      sum += rows.rest[i];
      T seen = 1;
      if (sinks_) {
        const T top = std::max(max, sinks_[head]);
        seen = sum == 0 ? T{0} : std::exp(max - top);
        sum = top == kNothing ? T{0} : sum * seen + of_sink(head, top);
        max = top;
      }
      factor[i] = sum == 0 ? T{0} : seen / sum;
      if (logsumexp) logsumexp[i] = sum == 0 ? kNothing : max + std::log(sum);
    }
  }

  void conclude(const RowState<T>& delta, const RowState<const T>& number, const T*, int64_t,
                int64_t head, int64_t rows, T* grad_sink) const noexcept override {
    for (int64_t i = 0; sinks_ && i < rows; ++i) {
      const T weight =
          number.second[i] == 0 ? T{0} : of_sink(head, number.first[i]) / number.second[i];
      grad_sink[i] = -weight * delta.first[i];
    }
  }

  /// P = e^(score - max) / sum.
  HWY_NOINLINE void weights(const Tile<T>& scores,
                            const RowState<const T>& number) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto nothing = hn::Set(d, kNothing);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto top = finite_or_zero(d, hn::LoadU(d, number.first + i));
      const auto factor = one_over(d, hn::LoadU(d, number.second + i));
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at = scores.data + j * scores.stride + i;
        const auto s = hn::LoadU(d, at);
        const auto p = hn::Mul(exp_tile(d, hn::Sub(s, top)), factor);
        hn::StoreU(hn::IfThenZeroElse(hn::Eq(s, nothing), p), d, at);
      }
    }
  }

  /// P = e^(score - max) / sum, dS = P (dP - delta).
  HWY_NOINLINE void backward(const Tile<T>& scores, const RowState<const T>& number,
                             const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto nothing = hn::Set(d, kNothing);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto top = finite_or_zero(d, hn::Load(d, number.first + i));
      const auto factor = one_over(d, hn::Load(d, number.second + i));
      const auto mean = hn::Load(d, delta.first + i);
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* HWY_RESTRICT score = scores.data + j * scores.stride + i;
        T* HWY_RESTRICT grad = gradient.data + j * gradient.stride + i;
        const auto s = hn::LoadU(d, score);
        const auto hidden = hn::Eq(s, nothing);
        const auto p = hn::IfThenZeroElse(hidden, hn::Mul(exp_tile(d, hn::Sub(s, top)), factor));
        const auto ds = hn::Mul(p, hn::Sub(hn::LoadU(d, grad), mean));
        hn::StoreU(p, d, score);
        hn::StoreU(hn::IfThenZeroElse(hidden, ds), d, grad);
      }
    }
  }

 private:
  const T* sinks_;

  static constexpr T kNothing = -std::numeric_limits<T>::infinity();

  /// e^(sink - top), 1 for a sink of +inf, which takes all weight.
  T of_sink(int64_t head, T top) const {
    return sinks_[head] == top ? T{1} : std::exp(sinks_[head] - top);
  }

  /// A row that has seen nothing yet has the maximum -inf; 0 in its place keeps -inf - -inf from
  /// being NaN.
  template <class D, class V>
  HWY_INLINE static V finite_or_zero(D d, V max) {
    return hn::IfThenZeroElse(hn::Eq(max, hn::Set(d, kNothing)), max);
  }

  /// 0 for the sum of a row that sees nothing.
  template <class D, class V>
  HWY_INLINE static V one_over(D d, V sum) {
    return hn::IfThenZeroElse(hn::Eq(sum, hn::Zero(d)), hn::Div(hn::Set(d, T{1}), sum));
  }

  /// Takes the sum of a tile's exponentials under the new maximum in; whether the maximum moved.
  template <class D, class V>
  HWY_INLINE static bool update(D d, const Running<T>& rows, T* rescale, V max, V sum) {
    const auto old = hn::LoadU(d, rows.first);
    // Where the maximum stays, exactly 1. From -inf the factor is 0, as e^-inf is.
    const auto same = hn::Eq(old, max);
    const auto factor = hn::IfThenElse(same, hn::Set(d, T{1}), exp_tile(d, hn::Sub(old, max)));
    auto all = hn::Mul(hn::LoadU(d, rows.second), factor);
    auto rest = hn::Mul(hn::LoadU(d, rows.rest), factor);
    add_kept(d, all, rest, sum);
    hn::StoreU(factor, d, rescale);
    hn::StoreU(max, d, rows.first);
    hn::StoreU(all, d, rows.second), hn::StoreU(rest, d, rows.rest);
    return !hn::AllTrue(d, same);
  }
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
