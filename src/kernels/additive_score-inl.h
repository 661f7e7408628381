// score_ij = sum_e weight_e act(q_ie + k_je) (Bahdanau et al. 2015 with tanh), and its gradient,
// without ever storing act for more than a vector of queries:
//   dq_ie = sum_j dS_ij weight_e act'_ije,  dk_je = sum_i dS_ij weight_e act'_ije,
//   dweight_e = sum_ij dS_ij act_ije.
//
// tanh(q + k) = 1 - 2 / (1 + e^2q e^2k): with the exponentials of queries and keys at hand, which
// cost one a number and not one per pair, a tanh is a fused multiply-add, a reciprocal and another
// multiply-add. Operations an element (i, j, e): forward 6 instructions a vector, backward 10 more.
// e^2q e^2k must be finite, so a query or key with a number that does not fit takes tanh itself
// with all others: what a pair takes depends on these two alone, not on its tile. The error of act
// is absolute, some 2 units of 1: that of a tanh near 0 is no smaller here than near 1.

#if defined(HEED_KERNELS_ADDITIVE_SCORE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ADDITIVE_SCORE_INL_H_
#undef HEED_KERNELS_ADDITIVE_SCORE_INL_H_
#else
#define HEED_KERNELS_ADDITIVE_SCORE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <utility>

#include "kernels/activations-inl.h"
#include "kernels/layout-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T, class Activation>
class AdditiveScore final : public Score<T> {
 public:
  /// weight (H, D)
  AdditiveScore(int64_t width, const T* weight) : width_(width), weight_(weight) {}

  bool prepares() const noexcept override { return Activation::kPrepares; }

  /// The exponentials, and behind them (row width_) a 1 for each query that does not fit.
  bool prepare(Right<T> transposed, int64_t rows, T* prepared) const noexcept override {
    if constexpr (Activation::kPrepares) {
      const int64_t columns = round_up(rows, panel_width<T>());
      Activation::prepare(Left<T>{transposed.data, transposed.stride, 1}, width_, columns, prepared,
                          kStride);
      T* HWY_RESTRICT misfits = prepared + width_ * kStride;
      std::fill_n(misfits, columns, T{0});
      for (int64_t e = 0; e < width_; ++e) {
        const T* HWY_RESTRICT row = transposed.data + e * transposed.stride;
        for (int64_t i = 0; i < rows; ++i)
          misfits[i] = Activation::fits(row[i]) ? misfits[i] : T{1};
      }
      return std::all_of(misfits, misfits + rows, [](T x) { return x == 0; });
    }
    return false;
  }

  void forward(const QueryBlock<T>& queries, const KeyBlock<T>& keys,
               const Tile<T>& scores) const noexcept override {
    if constexpr (Activation::kPrepares) {
      bool misfits[kKeys];
      const bool all_fit = keys_fit(keys, scores.columns, misfits) && queries.can_prepare;
      HWY_ALIGN T whole[kKeys * kStride];
      Tile<T> exact = scores;
      exact.data = whole, exact.stride = kStride;
      if (!all_fit) {
        copy_keys(keys, scores.columns);
        scores_of<Activation>(queries.transposed, keys.scratch, exact);
      }
      Activation::prepare(keys.any, scores.columns, width_, keys.scratch, width_);
      scores_of<typename Activation::Prepared>(queries.prepared, keys.scratch, scores);
      if (all_fit) return;
      for_misfits(queries, misfits, scores,
                  [&](int64_t i, int64_t j) { scores(i, j) = exact(i, j); });
    } else {
      copy_keys(keys, scores.columns);
      scores_of<Activation>(queries.transposed, keys.scratch, scores);
    }
  }

  void backward(const QueryBlock<T>& queries, const KeyBlock<T>& keys, const Tile<T>& gradient,
                Hidden hidden, Result<T> grad_queries, Result<T> grad_keys,
                T* grad_weight) const noexcept override {
    if constexpr (Activation::kPrepares) {
      using Prepared = typename Activation::Prepared;
      bool misfits[kKeys];
      const bool all_fit = keys_fit(keys, gradient.columns, misfits) && queries.can_prepare;
      HWY_ALIGN T of_misfits[kKeys * kStride];
      Tile<T> others = gradient;
      others.data = of_misfits, others.stride = kStride;
      if (!all_fit) {
        std::fill_n(of_misfits, gradient.columns * kStride, T{0});
        for_misfits(queries, misfits, gradient, [&](int64_t i, int64_t j) {
          others(i, j) = std::exchange(gradient(i, j), T{0});
        });
      }
      Activation::prepare(keys.any, gradient.columns, width_, keys.scratch, width_);
      all_fit && !hidden ? gradients_of<Prepared, false>(queries.prepared, keys.scratch, gradient,
                                                         grad_queries, grad_keys, grad_weight)
                         : gradients_of<Prepared, true>(queries.prepared, keys.scratch, gradient,
                                                        grad_queries, grad_keys, grad_weight);
      if (all_fit) return;
      copy_keys(keys, gradient.columns);
      gradients_of<Activation, true>(queries.transposed, keys.scratch, others, grad_queries,
                                     grad_keys, grad_weight);
    } else {
      copy_keys(keys, gradient.columns);
      hidden ? gradients_of<Activation, true>(queries.transposed, keys.scratch, gradient,
                                              grad_queries, grad_keys, grad_weight)
             : gradients_of<Activation, false>(queries.transposed, keys.scratch, gradient,
                                               grad_queries, grad_keys, grad_weight);
    }
  }

 private:
  /// Notes which keys do not fit; whether all do.
  bool keys_fit(const KeyBlock<T>& keys, int64_t columns, bool* misfits) const noexcept {
    bool all = true;
    for (int64_t j = 0; j < columns; ++j) {
      const Left<T> key = keys.any.from(j);
      bool fits = true;
      for (int64_t e = 0; e < width_; ++e) fits &= Activation::fits(key.data[e * key.column]);
      misfits[j] = !fits, all &= fits;
    }
    return all;
  }

  /// Calls with(i, j) for the pairs of which one does not fit.
  template <class With>
  void for_misfits(const QueryBlock<T>& queries, const bool* misfits, const Tile<T>& tile,
                   With&& with) const noexcept {
    const T* of_queries = queries.prepared.data + width_ * queries.prepared.stride;
    for (int64_t j = 0; j < tile.columns; ++j) {
      for (int64_t i = 0; i < tile.rows; ++i)
        if (misfits[j] || of_queries[i] != 0) with(i, j);
    }
  }

  void copy_keys(const KeyBlock<T>& keys, int64_t columns) const noexcept {
    for (int64_t j = 0; j < columns; ++j) {
      store_row_strided(keys.any.from(j), width_, keys.scratch + j * width_);
    }
  }

  static void store_row_strided(Left<T> from, int64_t width, T* HWY_RESTRICT to) noexcept {
    for (int64_t e = 0; e < width; ++e) to[e] = from.data[e * from.column];
  }

  /// Four keys by two vectors of queries at a time.
  template <class F>
  HWY_NOINLINE void scores_of(Right<T> q, const T* k, const Tile<T>& scores) const {
    for (int64_t i = 0; i < scores.rows; i += panel_width<T>()) {
      int64_t j = 0;
      for (; j + 4 <= scores.columns; j += 4)
        panel_scores<F, 4>(q.data + i, q.stride, k, scores, i, j);
      for (; j < scores.columns; ++j) panel_scores<F, 1>(q.data + i, q.stride, k, scores, i, j);
    }
  }

  template <class F, int kKeysAtOnce>
  HWY_INLINE void panel_scores(const T* HWY_RESTRICT q, int64_t stride, const T* HWY_RESTRICT keys,
                               const Tile<T>& scores, int64_t i, int64_t j) const {
    const Vector<T> d;
    using V = hn::Vec<Vector<T>>;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const T* HWY_RESTRICT weight = weight_ + scores.head * width_;
    const T* HWY_RESTRICT k = keys + j * width_;
    V s00 = hn::Zero(d), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00,
      s31 = s00;
    for (int64_t e = 0; e < width_; ++e) {
      const V q0 = hn::LoadU(d, q + e * stride), q1 = hn::LoadU(d, q + e * stride + lanes);
      const V w = hn::Set(d, weight[e]);
      const auto add = [&](int64_t key, V& low, V& high) HWY_ATTR {
        const V of_key = hn::Set(d, k[key * width_ + e]);
        low = hn::MulAdd(w, F::value(d, q0, of_key), low);
        high = hn::MulAdd(w, F::value(d, q1, of_key), high);
      };
      add(0, s00, s01);
      if constexpr (kKeysAtOnce == 4) add(1, s10, s11), add(2, s20, s21), add(3, s30, s31);
    }
    const auto end = [&](int64_t key, V low, V high) HWY_ATTR {
      T* to = scores.data + (j + key) * scores.stride + i;
      hn::StoreU(low, d, to), hn::StoreU(high, d, to + lanes);
    };
    end(0, s00, s01);
    if constexpr (kKeysAtOnce == 4) end(1, s10, s11), end(2, s20, s21), end(3, s30, s31);
  }

  /// A channel after the other. kHides: a gradient of 0, which is hidden or not meant here, meets
  /// an act that may be NaN.
  template <class F, bool kHides>
  HWY_NOINLINE void gradients_of(Right<T> q, const T* HWY_RESTRICT k, const Tile<T>& gradient,
                                 Result<T> grad_queries, Result<T> grad_keys,
                                 T* grad_weight) const {
    const Vector<T> d;
    using V = hn::Vec<Vector<T>>;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), panel = 2 * lanes;
    const T* HWY_RESTRICT weight = weight_ + gradient.head * width_;
    HWY_ALIGN T of_keys[kKeys * kMaxLanes];  // a vector per key
    HWY_ALIGN T of_queries[kAlign];
    for (int64_t e = 0; e < width_; ++e) {
      V of_weight = hn::Zero(d);
      std::fill_n(of_keys, gradient.columns * lanes, T{0});
      for (int64_t i = 0; i < gradient.rows; i += panel) {
        const T* at = q.data + e * q.stride + i;
        const V q0 = hn::LoadU(d, at), q1 = hn::LoadU(d, at + lanes);
        const V rows0 = valid(d, gradient.rows - i), rows1 = valid(d, gradient.rows - i - lanes);
        V dq0 = hn::Zero(d), dq1 = hn::Zero(d);
        for (int64_t j = 0; j < gradient.columns; ++j) {
          const T* HWY_RESTRICT grad = gradient.data + j * gradient.stride + i;
          const V g0 = hn::And(hn::LoadU(d, grad), rows0);
          const V g1 = hn::And(hn::LoadU(d, grad + lanes), rows1);
          const V key = hn::Set(d, k[j * width_ + e]);
          V a0 = F::value(d, q0, key), a1 = F::value(d, q1, key);
          if constexpr (kHides) {
            a0 = hn::IfThenZeroElse(hn::Eq(g0, hn::Zero(d)), a0);
            a1 = hn::IfThenZeroElse(hn::Eq(g1, hn::Zero(d)), a1);
          }
          const V x0 = hn::Mul(g0, F::slope(d, a0)), x1 = hn::Mul(g1, F::slope(d, a1));
          of_weight = hn::MulAdd(g0, a0, hn::MulAdd(g1, a1, of_weight));
          dq0 = hn::Add(dq0, x0), dq1 = hn::Add(dq1, x1);
          T* HWY_RESTRICT sum = of_keys + j * lanes;
          hn::Store(hn::Add(hn::Load(d, sum), hn::Add(x0, x1)), d, sum);
        }
        hn::Store(dq0, d, of_queries), hn::Store(dq1, d, of_queries + lanes);
        for (int64_t r = 0; r < std::min(panel, gradient.rows - i); ++r) {
          grad_queries.data[(i + r) * grad_queries.stride + e] += weight[e] * of_queries[r];
        }
      }
      for (int64_t j = 0; j < gradient.columns; ++j) {
        const V sum = hn::Load(d, of_keys + j * lanes);
        grad_keys.data[j * grad_keys.stride + e] += weight[e] * hn::GetLane(hn::SumOfLanes(d, sum));
      }
      grad_weight[e] += hn::GetLane(hn::SumOfLanes(d, of_weight));
    }
  }

  /// All bits where a lane is one of the first `count`: what lies beyond the last query is
  /// anything.
  template <class D>
  HWY_INLINE static hn::Vec<D> valid(D d, int64_t count) {
    const size_t lanes = static_cast<size_t>(std::clamp<int64_t>(count, 0, hn::Lanes(d)));
    return hn::VecFromMask(d, hn::FirstN(d, lanes));
  }

  int64_t width_;
  const T* weight_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
