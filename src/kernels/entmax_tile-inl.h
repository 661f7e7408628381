// alpha-entmax (Peters, Niculae and Martins 2019; sparsemax, alpha = 2: Martins and Astudillo 2016;
// alpha learned per head: Correia et al. 2019). With a = alpha - 1, p = 1 / a, m the largest score
// of the row and x_j = m - s_j,
//   u_j = b - a x_j,  w_j = max(u_j, 0)^p,  b in (0, 1] per row such that the weights sum to 1.
// The difference from m comes first, so that weights do not depend on where the scores lie.
//
// b: N(b) = (sum_j w_j)^a is a norm of u, convex, so Newton's steps
//   b -= (N - 1) sum^(1-a) / sum_j g_j,  g_j = u_j^(p-1) = w_j^(2-alpha) on the support,
// from b = 1, where N >= 1, never overshoot; near the root it is almost linear and a handful of
// steps is enough; rounding may carry one too far, which the next takes back. All sums run over
// keys, a vector holding neighbouring queries, in parts, so that long rows do not add up rounding
// errors.
//
// A learned alpha near 1 has b near 1, and its power p makes b's rounding large. There c = (1 - b)
// / a is kept instead, with w_j = e^(log(1 - a y_j) / a), y_j = x_j + c: with a -> 0 that is e^-y_j
// and c -> log sum e^(s - m), which is softmax.
//
// Backward: dS = g (dW - r), r = sum g dW / sum g. For alpha itself (Correia et al., proposition 1,
// less what cancels: sum g (dW - r) = 0),
//   dalpha = sum_j h_j (dW_j - r),  h = w (-log u - (1 - u) / u) / a^2.

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
#include "kernels/long_sum-inl.h"
#include "kernels/stages.h"

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// w = u, g = 1.
template <class T>
struct Sparsemax {
  explicit Sparsemax(T) {}
  static constexpr bool kLearnsAlpha = false;
  static constexpr T step() { return 1; }
  static constexpr T start() { return 1; }
  T threshold(T top, T shift) const { return top - shift; }

  template <class D, class V>
  HWY_INLINE V base(D, V x, V shift) const {
    return hn::Sub(shift, x);
  }
  /// How Newton's step changes b, from the sums of w and g.
  template <class D, class V>
  HWY_INLINE V newton(D d, V sum, V slopes) const {
    return hn::Div(hn::Sub(hn::Set(d, T{1}), sum), slopes);
  }
  template <class D, class V>
  HWY_INLINE void powers(D d, V, V, V u, V& weight, V& slope) const {
    weight = u, slope = hn::Set(d, T{1});
  }
};

/// w = u^2, g = u.
template <class T>
struct Entmax15 {
  explicit Entmax15(T) {}
  static constexpr bool kLearnsAlpha = false;
  static constexpr T step() { return static_cast<T>(0.5); }
  static constexpr T start() { return 1; }
  T threshold(T top, T shift) const { return step() * top - shift; }

  template <class D, class V>
  HWY_INLINE V base(D d, V x, V shift) const {
    return hn::NegMulAdd(x, hn::Set(d, step()), shift);
  }
  template <class D, class V>
  HWY_INLINE V newton(D d, V sum, V slopes) const {
    const V norm = hn::Sqrt(sum);
    return hn::Div(hn::Mul(hn::Sub(hn::Set(d, T{1}), norm), norm), slopes);
  }
  template <class D, class V>
  HWY_INLINE void powers(D, V, V, V u, V& weight, V& slope) const {
    weight = hn::Mul(u, u), slope = u;
  }
};

/// w = u^p, g = w / u, of b or, near alpha = 1, of c.
template <class T>
class EntmaxAlpha {
 public:
  explicit EntmaxAlpha(T step) : step_(step), near_(step < T{0.125}) {}
  static constexpr bool kLearnsAlpha = true;
  T step() const { return step_; }
  T start() const { return near_ ? 0 : 1; }
  T threshold(T top, T shift) const {
    return near_ ? step_ * (top + shift) - 1 : step_ * top - shift;
  }

  template <class D, class V>
  HWY_INLINE V base(D d, V x, V shift) const {
    const V step = hn::Set(d, step_);
    return near_ ? hn::NegMulAdd(hn::Add(x, shift), step, hn::Set(d, T{1}))
                 : hn::NegMulAdd(x, step, shift);
  }
  /// N - 1 by e^x - 1, because N -> 1 as a -> 0.
  template <class D, class V>
  HWY_INLINE V newton(D d, V sum, V slopes) const {
    const V step = hn::Set(d, step_), log = hn::Log(d, sum);
    const V above = hn::Expm1(d, hn::Mul(log, step));
    const V factor = hn::Exp(d, hn::Mul(log, hn::Sub(hn::Set(d, T{1}), step)));
    const V of_b = hn::Div(hn::Mul(above, factor), slopes);
    return near_ ? hn::Div(of_b, step) : hn::Neg(of_b);
  }
  template <class D, class V>
  HWY_INLINE void powers(D d, V x, V shift, V u, V& weight, V& slope) const {
    weight = exp_tile(d, log_weight(d, hn::Add(x, shift), u));
    slope = hn::Div(weight, u);
  }

  /// h of the gradient of alpha: with z = 1 - u, -w (z / a)^2 (1/2 + 2/3 z + 3/4 z^2 + ...).
  template <class D, class V>
  HWY_INLINE V entropy(D d, V x, V shift, V u, V weight) const {
    const V one = hn::Set(d, T{1}), step = hn::Set(d, step_);
    const V y = near_ ? hn::Add(x, shift) : hn::Div(hn::Sub(one, u), step);
    const V z = near_ ? hn::Mul(y, step) : hn::Sub(one, u);
    const auto is_small = hn::Lt(z, hn::Set(d, static_cast<T>(0.25)));
    constexpr int kTerms = sizeof(T) == 4 ? 14 : 30;  // of 0.25^k
    V series = hn::Zero(d);
    for (int k = kTerms; k >= 2; --k)
      series = hn::MulAdd(series, hn::IfThenElseZero(is_small, z),
                          hn::Set(d, static_cast<T>(1 - 1.0 / k)));
    const V whole = hn::Div(hn::Add(hn::Div(z, u), hn::Log(d, u)), hn::Mul(z, z));
    const V value = hn::IfThenElse(is_small, series, whole);
    return hn::Neg(hn::Mul(hn::Mul(weight, hn::Mul(y, y)), value));
  }

 private:
  /// log(u) / a; near alpha = 1 as -y (-log(1 - z) / z), z = a y, which is -y at z = 0.
  template <class D, class V>
  HWY_INLINE V log_weight(D d, V y, V u) const {
    if (!near_) return hn::Mul(hn::Log(d, u), hn::Set(d, 1 / step_));
    const V z = hn::Mul(y, hn::Set(d, step_));
    const V least = hn::Set(d, std::numeric_limits<T>::min());
    const V most = hn::Set(d, 1 - std::numeric_limits<T>::epsilon() / 2);
    const V inside = hn::IfThenElse(hn::IsNaN(z), z, hn::Min(hn::Max(z, least), most));
    return hn::Mul(y, hn::Div(hn::Log1p(d, hn::Neg(inside)), inside));
  }

  T step_;
  bool near_;
};

template <class T, class Rule>
class Entmax final : public RowNormalizer<T> {
 public:
  /// steps (H): alpha - 1, where the rule takes one.
  explicit Entmax(const T* steps) : steps_(steps) {}

  /// first: the largest score m; second: b, or c near alpha = 1; NaN for a row that sees +inf or
  /// NaN. A row that sees nothing has no score to which they matter.
  HWY_NOINLINE void solve(const Tile<T>& scores, const StripPart* parts, int64_t count,
                          const RowState<T>& number) const noexcept override {
    const Rule rule = rule_of(scores.head);
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(Vector<T>()));
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      Tile<T> part = scores;
      part.data += i;
      solve_lanes(rule, part, parts, count, number.from(i));
    }
  }

  HWY_NOINLINE void weights(const Tile<T>& scores,
                            const RowState<const T>& number) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto row = load_row(d, number.from(i));
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* at = scores.data + j * scores.stride + i;
        hn::StoreU(evaluate(d, rule, hn::LoadU(d, at), row).weight, d, at);
      }
    }
  }

  /// The threshold t of the usual form u = (alpha - 1) s - t; +inf for a row that sees nothing.
  T logsumexp(int64_t head, T first, T second) const noexcept override {
    return std::isinf(first) ? -first : rule_of(head).threshold(first, second);
  }

  HWY_NOINLINE bool is_empty(const Tile<T>& scores,
                             const RowState<const T>& number) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto row = load_row(d, number.from(i));
      const auto count = static_cast<size_t>(std::min<int64_t>(lanes, scores.rows - i));
      const auto rows = hn::FirstN(d, count);
      for (int64_t j = 0; j < scores.columns; ++j) {
        const auto s = hn::LoadU(d, scores.data + j * scores.stride + i);
        const auto u = rule.base(d, hn::Sub(row.top, s), row.shift);
        // Not "greater": a NaN counts as something.
        if (!hn::AllFalse(d, hn::AndNot(hn::Le(u, hn::Zero(d)), rows))) return false;
      }
    }
    return true;
  }

  bool collects() const noexcept override { return true; }

  /// sums: of g, g dW; where alpha is learned of h, h dW.
  HWY_NOINLINE void collect(const Tile<T>& scores, const RowState<const T>& number,
                            const Tile<T>& gradient, T* sums,
                            int64_t stride) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto row = load_row(d, number.from(i));
      auto g = hn::Zero(d), g_dw = g, h = g, h_dw = g;
      for (int64_t j = 0; j < scores.columns; ++j) {
        const auto w = evaluate(d, rule, hn::LoadU(d, scores.data + j * scores.stride + i), row);
        const auto zero = hn::Eq(w.slope, hn::Zero(d));
        const auto dw =
            hn::IfThenZeroElse(zero, hn::LoadU(d, gradient.data + j * gradient.stride + i));
        g = hn::Add(g, w.slope), g_dw = hn::MulAdd(w.slope, dw, g_dw);
        if constexpr (Rule::kLearnsAlpha) {
          const auto of_key =
              hn::IfThenZeroElse(zero, rule.entropy(d, w.below, row.shift, w.base, w.weight));
          h = hn::Add(h, of_key), h_dw = hn::MulAdd(of_key, dw, h_dw);
        }
      }
      const auto add = [&](T* to, auto sum)
                           HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, to), sum), d, to); };
      add(sums + i, g), add(sums + stride + i, g_dw);
      add(sums + 2 * stride + i, h), add(sums + 3 * stride + i, h_dw);
    }
  }

  void conclude(const RowState<T>& delta, const RowState<const T>&, const T* sums, int64_t stride,
                int64_t, int64_t rows, T* grad_alpha) const noexcept override {
    for (int64_t i = 0; i < rows; ++i) {
      const T g = sums[i], mean = g == 0 ? T{0} : sums[stride + i] / g;
      if constexpr (Rule::kLearnsAlpha)
        grad_alpha[i] = sums[3 * stride + i] - mean * sums[2 * stride + i];
      delta.first[i] = mean;
    }
    if constexpr (!Rule::kLearnsAlpha) (void)grad_alpha;
  }

  HWY_NOINLINE void backward(const Tile<T>& scores, const RowState<const T>& number,
                             const RowState<T>& delta,
                             const Tile<T>& gradient) const noexcept override {
    const Vector<T> d;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    const Rule rule = rule_of(scores.head);
    for (int64_t i = 0; i < scores.rows; i += lanes) {
      const auto row = load_row(d, number.from(i));
      const auto mean = hn::LoadU(d, delta.first + i);
      for (int64_t j = 0; j < scores.columns; ++j) {
        T* score = scores.data + j * scores.stride + i;
        T* grad = gradient.data + j * gradient.stride + i;
        const auto w = evaluate(d, rule, hn::LoadU(d, score), row);
        const auto ds = hn::Mul(w.slope, hn::Sub(hn::LoadU(d, grad), mean));
        hn::StoreU(w.weight, d, score);
        hn::StoreU(hn::IfThenZeroElse(hn::Eq(w.slope, hn::Zero(d)), ds), d, grad);
      }
    }
  }

 private:
  template <class V>
  struct Row {
    V top, shift;  ///< m, 0 for a row that sees nothing; b or c
  };
  template <class V>
  struct Weight {
    V below, base, weight, slope;  ///< x, u, w, g
  };

  Rule rule_of(int64_t head) const { return Rule(steps_ ? steps_[head] : T{1}); }

  template <class D>
  HWY_INLINE static Row<hn::Vec<D>> load_row(D d, const RowState<const T>& number) {
    const auto top = hn::LoadU(d, number.first);
    const auto blind = hn::Eq(top, hn::Set(d, -std::numeric_limits<T>::infinity()));
    return {hn::IfThenZeroElse(blind, top), hn::LoadU(d, number.second)};
  }

  /// w and g are 0 off the support, NaN where u is.
  template <class D, class V>
  HWY_INLINE static Weight<V> evaluate(D d, const Rule& rule, V score, const Row<V>& row) {
    const V x = hn::Sub(row.top, score), u = rule.base(d, x, row.shift);
    const auto off = hn::Or(hn::Le(u, hn::Zero(d)), hn::Eq(x, hn::Set(d, kInfinity)));
    Weight<V> w{x, u, u, u};
    // Logarithms want a positive number, and are not NaN of one on every target.
    if constexpr (Rule::kLearnsAlpha)
      w.base = hn::Max(u, hn::Set(d, std::numeric_limits<T>::min()));
    rule.powers(d, x, row.shift, w.base, w.weight, w.slope);
    w.weight = hn::IfThenZeroElse(off, w.weight), w.slope = hn::IfThenZeroElse(off, w.slope);
    if constexpr (Rule::kLearnsAlpha) {
      const auto nan = hn::IsNaN(u);
      w.weight = hn::IfThenElse(nan, u, w.weight), w.slope = hn::IfThenElse(nan, u, w.slope);
    }
    return w;
  }

  /// The largest score of each row of one vector, and NaN in `poison` where there is one.
  template <class D, class V>
  HWY_INLINE static V largest(D d, const Tile<T>& scores, V& poison) {
    auto top = hn::Set(d, -kInfinity);
    poison = hn::Zero(d);
    for (int64_t j = 0; j < scores.columns; ++j) {
      const auto s = hn::LoadU(d, scores.data + j * scores.stride);
      top = hn::Max(top, s);
      poison = hn::IfThenElse(hn::IsNaN(s), s, poison);
    }
    return top;
  }

  /// The sums of the weights and of the slopes of each row of one vector.
  template <class D, class V>
  HWY_INLINE static void add_up(D d, const Rule& rule, const Tile<T>& scores,
                                const StripPart* parts, int64_t count, const Row<V>& row, V& sum,
                                V& slopes) {
    sum = slopes = hn::Zero(d);
    auto rest = sum, rest_of_slopes = sum;
    auto of_stretch = hn::Zero(d), slopes_of_stretch = of_stretch;
    for (int64_t p = 0, j = 0; p < count; ++p) {
      if (p > 0 && parts[p].stretch != parts[p - 1].stretch) {
        add_kept(d, sum, rest, of_stretch), add_kept(d, slopes, rest_of_slopes, slopes_of_stretch);
        of_stretch = slopes_of_stretch = hn::Zero(d);
      }
      auto of_part = hn::Zero(d), slopes_of_part = of_part;
      for (; j < parts[p].end; ++j) {
        const auto w = evaluate(d, rule, hn::LoadU(d, scores.data + j * scores.stride), row);
        of_part = hn::Add(of_part, w.weight), slopes_of_part = hn::Add(slopes_of_part, w.slope);
      }
      of_stretch = hn::Add(of_stretch, of_part);
      slopes_of_stretch = hn::Add(slopes_of_stretch, slopes_of_part);
    }
    sum = hn::Add(hn::Add(sum, rest), of_stretch);
    slopes = hn::Add(hn::Add(slopes, rest_of_slopes), slopes_of_stretch);
  }

  /// m and b, or c, of one vector of queries.
  HWY_INLINE static void solve_lanes(const Rule& rule, const Tile<T>& scores,
                                     const StripPart* parts, int64_t count,
                                     const RowState<T>& number) {
    const Vector<T> d;
    constexpr int kMostSteps = 50;
    constexpr T kEnough = 4 * std::numeric_limits<T>::epsilon();
    auto poison = hn::Zero(d);
    const auto top = largest(d, scores, poison);
    const auto blind = hn::Eq(top, hn::Set(d, -kInfinity));
    Row<hn::Vec<Vector<T>>> row{hn::IfThenZeroElse(blind, top), hn::Set(d, rule.start())};
    const auto one = hn::Set(d, T{1});
    auto turns = hn::Set(d, T{3});  // back, for sums that a step made smaller than 1
    for (int step = 0; step < kMostSteps; ++step) {
      auto sum = hn::Zero(d), slopes = sum;
      add_up(d, rule, scores, parts, count, row, sum, slopes);
      const auto least = hn::Set(d, std::numeric_limits<T>::min());
      const auto next = hn::Max(hn::Add(row.shift, rule.newton(d, sum, slopes)), least);
      const auto above = hn::Gt(sum, hn::Set(d, 1 + kEnough));
      const auto below =
          hn::And(hn::Lt(sum, hn::Set(d, 1 - 2 * kEnough)), hn::Gt(turns, hn::Zero(d)));
      const auto open = hn::AndNot(blind, hn::And(hn::Or(above, below), hn::Ne(next, row.shift)));
      turns = hn::IfThenElse(below, hn::Sub(turns, one), turns);
      row.shift = hn::IfThenElse(open, next, row.shift);
      if (hn::AllFalse(d, open)) break;
    }
    const auto broken = hn::Or(hn::IsNaN(poison), hn::Eq(top, hn::Set(d, kInfinity)));
    const auto nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
    hn::StoreU(top, d, number.first);
    hn::StoreU(hn::IfThenElse(broken, nan, row.shift), d, number.second);
  }

  static constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const T* steps_;
};

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
