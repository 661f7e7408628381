// alpha-entmax (Peters, Niculae and Martins 2019; sparsemax, alpha = 2: Martins and Astudillo 2016;
// alpha learned a head: Correia et al. 2019). With p = 1 / (alpha - 1) and u = (alpha - 1) s - t,
//   w_j = max(u_j, 0)^p,  the threshold t of each row such that the weights sum to 1.
//
// t: N(t) = (sum_j max(u_j, 0)^p)^(1/p) is a norm, convex and falling, so Newton's steps
// t += (N - 1) N^(p-1) / sum u^(p-1) from t = max - 1, where N >= 1, never overshoot; near the root
// it is almost linear and a handful of steps is enough. All sums run over keys, a vector holding
// neighbouring queries.
//
// Backward, with g_j = u_j^(p-1) = w_j^(2 - alpha) on the support: dS = g (dW - sum g dW / sum g).
// For alpha itself, with h = -w log w (Correia et al., proposition 1):
//   dalpha = (sum w dW - r) / (alpha - 1)^2 + (sum h dW - r sum h) / (alpha - 1),
//   r = sum g dW / sum g.

#if defined(HEED_KERNELS_ENTMAX_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HEED_KERNELS_ENTMAX_TILE_INL_H_
#undef HEED_KERNELS_ENTMAX_TILE_INL_H_
#else
#define HEED_KERNELS_ENTMAX_TILE_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/exp2-inl.h"
#include "kernels/gemm_tile-inl.h"
#include "kernels/stations.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// w = u, g = 1.
template <class T>
struct Sparsemax {
  explicit Sparsemax(T) {}
  static constexpr bool kLearnsAlpha = false;
  static constexpr T alpha() { return 2; }

  template <class D, class V>
  HWY_INLINE void powers(D d, V u, V& weight, V& slope) const {
    weight = u, slope = hn::Set(d, T{1});
  }
};

/// w = u^2, g = u.
template <class T>
struct Entmax15 {
  explicit Entmax15(T) {}
  static constexpr bool kLearnsAlpha = false;
  static constexpr T alpha() { return static_cast<T>(1.5); }

  template <class D, class V>
  HWY_INLINE void powers(D, V u, V& weight, V& slope) const {
    weight = hn::Mul(u, u), slope = u;
  }
};

/// w = u^p, g = u^(p-1).
template <class T>
struct EntmaxAlpha {
  explicit EntmaxAlpha(T alpha) : alpha_(alpha), power_(1 / (alpha - 1)) {}
  static constexpr bool kLearnsAlpha = true;
  T alpha() const { return alpha_; }

  template <class D, class V>
  HWY_INLINE void powers(D d, V u, V& weight, V& slope) const {
    slope = exp2_tile(d, hn::Mul(hn::Log2(d, u), hn::Set(d, power_ - 1)));
    weight = hn::Mul(slope, u);
  }

 private:
  T alpha_, power_;
};

template <class T, class Rule>
class Entmax final : public RowNormalizer<T> {
 public:
  /// alpha (H), where the rule takes one.
  explicit Entmax(const T* alpha) : alpha_(alpha) {}

  HWY_NOINLINE void solve(const Tile<T>& scores, T* number) const noexcept override {
    const Rule rule = rule_of(scores.head);
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(Vector<T>()));
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      Tile<T> part = scores;
      part.data += i;
      solve_lanes(rule, part, number + i);
    }
  }

  HWY_NOINLINE void forward(const Tile<T>& scores, const T* number) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto threshold = hn::LoadU(d, number + i);
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at = scores.data + j * scores.stride + i;
        auto weight = threshold, slope = threshold;
        evaluate(d, rule, hn::LoadU(d, at), threshold, weight, slope);
        hn::StoreU(weight, d, at);
      }
    }
  }

  HWY_NOINLINE bool is_empty(const Tile<T>& scores, const T* number) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto scale = hn::Set(d, rule_of(scores.head).alpha() - 1);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto threshold = hn::LoadU(d, number + i);
      const auto count = static_cast<size_t>(std::min<int64_t>(lanes, scores.rows - i));
      const auto rows = hn::FirstN(d, count);
      for (int64_t j = 0; j < scores.columns; ++j) {
        const auto x = hn::Mul(hn::LoadU(d, scores.data + j * scores.stride + i), scale);
        // Not "greater": a NaN counts as something.
        if (!hn::AllFalse(d, hn::AndNot(hn::Le(x, threshold), rows))) return false;
      }
    }
    return true;
  }

  bool collects() const noexcept override { return true; }

  /// sums: of g, g dW; where alpha is learned of h, h dW.
  HWY_NOINLINE void collect(const Tile<T>& scores, const T* number, const Tile<T>& gradient,
                            T* sums, int64_t stride) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto threshold = hn::LoadU(d, number + i);
      auto g = hn::LoadU(d, sums + i), g_dw = hn::LoadU(d, sums + stride + i);
      auto h = hn::LoadU(d, sums + 2 * stride + i), h_dw = hn::LoadU(d, sums + 3 * stride + i);
      for (int64_t j = 0; j < scores.columns; ++j) {
        auto weight = threshold, slope = threshold;
        evaluate(d, rule, hn::LoadU(d, scores.data + j * scores.stride + i), threshold, weight,
                 slope);
        const auto zero = hn::Eq(slope, hn::Zero(d));
        const auto dw =
            hn::IfThenZeroElse(zero, hn::LoadU(d, gradient.data + j * gradient.stride + i));
        g = hn::Add(g, slope), g_dw = hn::MulAdd(slope, dw, g_dw);
        if constexpr (Rule::kLearnsAlpha) {
          const auto least = hn::Set(d, std::numeric_limits<T>::min());
          const auto entropy = hn::Mul(hn::Neg(weight), hn::Log(d, hn::Max(weight, least)));
          h = hn::Add(h, entropy), h_dw = hn::MulAdd(entropy, dw, h_dw);
        }
      }
      hn::StoreU(g, d, sums + i), hn::StoreU(g_dw, d, sums + stride + i);
      hn::StoreU(h, d, sums + 2 * stride + i), hn::StoreU(h_dw, d, sums + 3 * stride + i);
    }
  }

  void conclude(const RowState<T>& delta, const T*, const T* sums, int64_t stride, int64_t head,
                int64_t rows, T* grad_alpha) const noexcept override {
    const T step = rule_of(head).alpha() - 1;
    for (int64_t i = 0; i < rows; ++i) {
      const T g = sums[i], h = sums[2 * stride + i];
      const T mean = g == 0 ? T{0} : sums[stride + i] / g;
      if constexpr (Rule::kLearnsAlpha) {
        grad_alpha[i] =
            (delta.first[i] - mean) / (step * step) + (sums[3 * stride + i] - mean * h) / step;
      }
      delta.first[i] = mean;
    }
    if constexpr (!Rule::kLearnsAlpha) (void)grad_alpha;
  }

  HWY_NOINLINE void backward(const Tile<T>& scores, const T* number, const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto threshold = hn::LoadU(d, number + i), mean = hn::LoadU(d, delta.first + i);
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* score = scores.data + j * scores.stride + i;
        T* grad = gradient.data + j * gradient.stride + i;
        auto weight = threshold, slope = threshold;
        evaluate(d, rule, hn::LoadU(d, score), threshold, weight, slope);
        const auto ds = hn::Mul(slope, hn::Sub(hn::LoadU(d, grad), mean));
        hn::StoreU(weight, d, score);
        hn::StoreU(hn::IfThenZeroElse(hn::Eq(slope, hn::Zero(d)), ds), d, grad);
      }
    }
  }

 private:
  Rule rule_of(int64_t head) const { return Rule(alpha_ ? alpha_[head] : T{2}); }

  /// w and g of a vector of scores; both 0 off the support, NaN where u is.
  template <class D, class V>
  HWY_INLINE static void evaluate(D d, const Rule& rule, V score, V threshold, V& weight,
                                  V& slope) {
    const V u = hn::MulSub(score, hn::Set(d, rule.alpha() - 1), threshold);
    const auto hidden = hn::Eq(score, hn::Set(d, -std::numeric_limits<T>::infinity()));
    const auto off = hn::Or(hn::Le(u, hn::Zero(d)), hidden);
    // A NaN stays one through Max only as its second operand on some targets: put it back.
    const V positive = hn::Max(u, hn::Set(d, std::numeric_limits<T>::min()));
    rule.powers(d, hn::IfThenElse(hn::IsNaN(u), u, positive), weight, slope);
    weight = hn::IfThenZeroElse(off, weight), slope = hn::IfThenZeroElse(off, slope);
  }

  /// The threshold of one vector of queries.
  HWY_INLINE static void solve_lanes(const Rule& rule, const Tile<T>& scores, T* number) {
    const Vector<T> d;
    constexpr T kInfinity = std::numeric_limits<T>::infinity();
    constexpr int kMostSteps = 50;
    const auto one = hn::Set(d, T{1});
    auto top = hn::Set(d, -kInfinity), poison = hn::Zero(d);
    for (int64_t j = 0; j < scores.columns; ++j) {
      const auto s = hn::LoadU(d, scores.data + j * scores.stride);
      top = hn::Max(top, s);
      poison = hn::IfThenElse(hn::IsNaN(s), s, poison);
    }
    const auto scaled = hn::Mul(top, hn::Set(d, rule.alpha() - 1));
    auto threshold = hn::Sub(scaled, one);
    const auto enough = hn::Set(d, 1 + 4 * std::numeric_limits<T>::epsilon());
    for (int step = 0; step < kMostSteps; ++step) {
      auto sum = hn::Zero(d), slopes = hn::Zero(d);
      for (int64_t j = 0; j < scores.columns; ++j) {
        auto weight = sum, slope = sum;
        evaluate(d, rule, hn::LoadU(d, scores.data + j * scores.stride), threshold, weight, slope);
        sum = hn::Add(sum, weight), slopes = hn::Add(slopes, slope);
      }
      const auto next = hn::Add(threshold, newton_step(d, rule, sum, slopes));
      const auto open = hn::And(hn::Gt(sum, enough), hn::Gt(next, threshold));
      threshold = hn::IfThenElse(open, next, threshold);
      if (hn::AllFalse(d, open)) break;
    }
    // A row that sees nothing has weights 0 for any score; one that sees +inf or NaN has NaN.
    const auto blind = hn::Eq(top, hn::Set(d, -kInfinity));
    threshold = hn::IfThenElse(blind, hn::Set(d, kInfinity), threshold);
    const auto broken = hn::Or(hn::IsNaN(poison), hn::Eq(top, hn::Set(d, kInfinity)));
    const auto nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
    hn::StoreU(hn::IfThenElse(broken, nan, threshold), d, number);
  }

  /// (N - 1) N^(p-1) / sum of g, N = sum^(1/p).
  template <class D, class V>
  HWY_INLINE static V newton_step(D d, const Rule& rule, V sum, V slopes) {
    const V one = hn::Set(d, T{1});
    V norm = sum, factor = one;
    if constexpr (Rule::kLearnsAlpha) {
      norm = exp2_tile(d, hn::Mul(hn::Log2(d, sum), hn::Set(d, rule.alpha() - 1)));
      factor = hn::Div(sum, norm);
    } else if constexpr (rule_is_square()) {
      norm = factor = hn::Sqrt(sum);
    }
    return hn::Div(hn::Mul(hn::Sub(norm, one), factor), slopes);
  }
  static constexpr bool rule_is_square() { return std::is_same_v<Rule, Entmax15<T>>; }

  const T* alpha_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
