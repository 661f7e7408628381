// Attention and its gradients by the papers' formulas, in loops over long double, and beside every
// number how far a right computation in the dtype may be from it.
//
// The bounds follow the rounding of a plain computation. A score has an error `err` of a few eps of
// the terms that it is summed from (none in exact calls, where it is rounded as the kernels round
// it). A weight then lies between those of scores moved by their errors against each other. What
// is summed from weights carries their bounds, and eps for each addition. Nothing is fitted to what
// the kernels do.
#pragma once

#include <algorithm>
#include <numeric>

#include "ops/number_cases.h"

namespace heed::test {

using Real = long double;

/// A number, how far the computed one may be off, and the sum of its terms' sizes.
struct Bounded {
  Real value = 0, off = 0, terms = 0;

  void add(Real term, Real term_off, Real size) { value += term, off += term_off, terms += size; }
};

struct Grid {
  int64_t rows = 0, columns = 0;
  std::vector<Bounded> data = {};

  Grid() = default;
  Grid(int64_t r, int64_t c) : rows(r), columns(c), data(static_cast<size_t>(r * c)) {}
  Bounded& operator()(int64_t i, int64_t j) { return data[static_cast<size_t>(i * columns + j)]; }
  const Bounded& operator()(int64_t i, int64_t j) const {
    return data[static_cast<size_t>(i * columns + j)];
  }
};

/// One score of a row, and what backward needs of it.
struct Score {
  Real value = 0, err = 0;
  Real slope = 1, bias_slope = 1;  ///< d score / d product, d score / d bias
};

/// One weight, and the factor of its gradient (alpha-entmax: w^(2 - alpha)).
struct Weight {
  Real w = 0, off = 0, g = 0, g_off = 0;
};

enum class RowKind { usual, blind, nan, undecided };

/// What comes out of a case: of each head, and of the key-value head.
struct NumberResult {
  std::vector<Grid> out, dq;  ///< a head each: (Lq, E), (Lq, D)
  std::vector<Grid> rows;     ///< (Lq, 1), softmax's log of the sum
  Grid dk, dv, dbias;
  std::vector<std::vector<RowKind>> kinds;  ///< (H, Lq)
  std::vector<uint8_t> tainted;             ///< (Lk): seen by a row that is NaN
};

template <class T>
class NumberReference {
 public:
  /// Sets the output's gradient of rows to 0 whose support the rounding decides.
  explicit NumberReference(NumberCase& c) : c_(c) {}

  NumberResult run() {
    auto& r = result_;
    r.dk = Grid(c_.Lk, c_.D), r.dv = Grid(c_.Lk, c_.E);
    r.dbias = Grid(c_.bias_of.rows, c_.bias_of.columns);
    r.tainted.assign(static_cast<size_t>(c_.Lk), 0);
    for (int64_t h = 0; h < c_.H; ++h) {
      r.out.emplace_back(c_.Lq, c_.E), r.dq.emplace_back(c_.Lq, c_.D);
      r.rows.emplace_back(c_.Lq, 1), r.kinds.emplace_back();
      for (int64_t i = 0; i < c_.Lq; ++i) row(h, i);
    }
    const Real n = static_cast<Real>(c_.H * c_.Lq);
    for (auto& g : r.dq) settle(g, c_.Lk + c_.D);
    for (auto* g : {&r.dk, &r.dv, &r.dbias}) settle(*g, n + c_.D);
    return std::move(r);
  }

 private:
  static constexpr Real kEps = std::numeric_limits<T>::epsilon();
  static constexpr Real kTiny = 4 * static_cast<Real>(std::numeric_limits<T>::min());
  static constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

  /// e^x - 1 of an error, which beyond 30 says nothing.
  static Real grown(Real x) { return std::expm1(std::min<Real>(x, 30)); }

  /// The rounding of sums, whose terms have been collected, and of the dtype they end in.
  void settle(Grid& grid, Real additions) const {
    const Real last = c_.type == at::kBFloat16 ? 0x1p-8L : kEps;
    for (auto& x : grid.data) {
      x.off += (additions / 2 + 10) * kEps * x.terms;
      x.off += last * (std::abs(x.value) + x.off) + kTiny;
    }
  }

  // ---- scores ----

  /// Rounds as the dtype does. Rounding keeps order: an error that it swallows is gone, as where a
  /// score meets a number beside which it is nothing.
  static void round(Score& s) {
    const auto rounded = [](Real x) { return static_cast<Real>(static_cast<T>(x)); };
    const Real low = rounded(s.value - s.err), high = rounded(s.value + s.err);
    s.value = rounded(s.value);
    s.err = low == high ? 0 : std::max(high - s.value, s.value - low);
  }

  Score product(int64_t h, int64_t i, int64_t j) const {
    const auto& q = c_.q[h];
    Real sum = 0, size = 0, err = 0;
    if (c_.score == "uniform") return {};
    if (c_.score == "additive") {
      for (int64_t e = 0; e < c_.D; ++e) {
        const Real x = Real(q(i, e)) + c_.k(j, e), t = std::tanh(x), w = c_.table[h](0, e);
        sum += w * t, size += std::abs(w * t);
        err += std::abs(w) * kEps * (4 + std::abs(x) * (1 - t * t));
      }
      return {sum, err + (c_.D + 3) * kEps * size};
    }
    if (c_.score == "cosine") {
      const auto [q_unit, k_unit] = units(h, i, j);
      const Real factor = std::exp(Real(c_.log_scale[h]));
      for (int64_t e = 0; e < c_.D; ++e)
        sum += q_unit[e] * k_unit[e], size += std::abs(q_unit[e] * k_unit[e]);
      return {factor * sum, factor * (2 * c_.D + 10) * kEps * size};
    }
    for (int64_t e = 0; e < c_.D; ++e) {
      const auto [of_key, size_of_key] = seen_by_query(h, j, e);
      sum += q(i, e) * of_key, size += std::abs(q(i, e)) * size_of_key;
    }
    sum *= c_.scale, size *= c_.scale;
    if (c_.exact) return {static_cast<Real>(static_cast<T>(sum)), 0};
    return {sum, (2 * c_.D + 4) * kEps * size + kTiny};
  }

  /// d (q . what the query is multiplied with) / d q_e, and the size of its terms.
  std::pair<Real, Real> seen_by_query(int64_t h, int64_t j, int64_t e) const {
    if (c_.score == "location") return {c_.table[h](j, e), std::abs(c_.table[h](j, e))};
    if (c_.score != "general") return {c_.k(j, e), std::abs(c_.k(j, e))};
    Real sum = 0, size = 0;
    for (int64_t f = 0; f < c_.D; ++f) {
      const Real term = Real(c_.table[h](e, f)) * c_.k(j, f);
      sum += term, size += std::abs(term);
    }
    return {sum, size};
  }

  std::pair<std::vector<Real>, std::vector<Real>> units(int64_t h, int64_t i, int64_t j) const {
    const auto unit = [&](const Matrix& m, int64_t row) {
      Real square = 0;
      for (int64_t e = 0; e < c_.D; ++e) square += Real(m(row, e)) * m(row, e);
      std::vector<Real> x(static_cast<size_t>(c_.D));
      for (int64_t e = 0; e < c_.D; ++e) x[e] = square == 0 ? 0 : m(row, e) / std::sqrt(square);
      return x;
    };
    return {unit(c_.q[h], i), unit(c_.k, j)};
  }
  static Real length(const Matrix& m, int64_t row) {
    Real square = 0;
    for (int64_t e = 0; e < m.columns; ++e) square += Real(m(row, e)) * m(row, e);
    return std::sqrt(square);
  }

  void cap(Score& s) const {
    const Real most = c_.cap, t = std::tanh(s.value / most);
    s.value = most * t, s.err += 6 * kEps * std::abs(s.value);
    s.slope *= 1 - t * t, s.bias_slope *= 1 - t * t;
  }

  Score score(int64_t h, int64_t i, int64_t j) const {
    Score s = product(h, i, j);
    if (c_.alibi) {
      const Real slope = std::exp2(-8.0L * (h + 1) / c_.H);
      s.value -= slope * std::abs(i + c_.Lk - c_.Lq - j), round(s);
    }
    if (c_.cap > 0 && c_.cap_first) cap(s);
    s.bias_slope = 1;
    if (c_.bias) s.value += c_.bias_of(i, c_.per_row_bias ? 0 : j), round(s);
    if (c_.cap > 0 && !c_.cap_first) cap(s);
    if (!c_.added.data.empty()) s.value += c_.added(i, j), round(s);
    return s;
  }

  // ---- a row ----

  void row(int64_t h, int64_t i) {
    const auto n = static_cast<size_t>(c_.Lk);
    std::vector<Score> scores(n);
    std::vector<uint8_t> seen(n, 0);
    bool nan = false, any = false;
    Real top = -kInfinity;
    for (int64_t j = 0; j < c_.Lk; ++j) {
      if (!c_.sees(i, j)) continue;
      scores[j] = score(h, i, j);
      nan = nan || std::isnan(scores[j].value) || scores[j].value == kInfinity;
      seen[j] = scores[j].value != -kInfinity;
      any = any || seen[j];
      if (seen[j]) top = std::max(top, scores[j].value);
    }
    RowKind kind = nan ? RowKind::nan : any ? RowKind::usual : RowKind::blind;
    std::vector<Weight> weights(n);
    if (kind == RowKind::usual)
      kind = weigh(h, i, scores, seen, top, weights);
    else if (kind == RowKind::blind)
      result_.rows[h](i, 0).value = c_.sinks ? Real(c_.sink[h]) : -kInfinity;
    else
      for (int64_t j = 0; j < c_.Lk; ++j) result_.tainted[j] |= c_.sees(i, j);
    if (kind == RowKind::undecided)
      for (int64_t e = 0; e < c_.E; ++e) c_.g[h](i, e) = 0;
    result_.kinds[h].push_back(kind);
    if (kind == RowKind::nan) return;
    output(h, i, seen, weights);
    if (kind == RowKind::usual) backward(h, i, scores, seen, weights);
  }

  /// The error of an exponent: that of the score, and of taking off the maximum.
  Real exponent_error(const Score& s, Real top) const {
    return s.err + kEps * (std::min<Real>(top - s.value, 130) + 6);
  }

  RowKind weigh(int64_t h, int64_t i, const std::vector<Score>& scores,
                const std::vector<uint8_t>& seen, Real top, std::vector<Weight>& to) {
    const auto& name = c_.normalizer;
    if (name == "softmax") return softmax(h, i, scores, seen, top, to), RowKind::usual;
    if (name == "sigmoid") return sigmoid(scores, seen, to), RowKind::usual;
    if (name == "geometric") return geometric(i, scores, seen, to), RowKind::usual;
    if (name == "hard") return hard(h, i, scores, seen, top, to);
    return entmax(name == "sparsemax"  ? 2
                  : name == "entmax15" ? 1.5L
                                       : 1 + 1 / (1 + std::exp(-Real(c_.raw_alpha[h]))),
                  scores, seen, top, to);
  }

  /// The weights of scores that may move by their errors against each other.
  void softmax(int64_t h, int64_t i, const std::vector<Score>& scores,
               const std::vector<uint8_t>& seen, Real top, std::vector<Weight>& to) {
    const size_t n = scores.size();
    Real shift = top;
    const Real sink = c_.sinks ? Real(c_.sink[h]) : -kInfinity;
    shift = std::max(shift, sink);
    auto& row = result_.rows[h](i, 0);
    if (sink == kInfinity) {
      row.value = kInfinity;
      return;
    }
    std::vector<Real> exact(n), low(n), high(n);
    Real sum = std::exp(sink - shift), low_sum = sum, high_sum = sum;
    for (size_t j = 0; j < n; ++j) {
      if (!seen[j]) continue;
      const Real x = scores[j].value - shift, err = exponent_error(scores[j], shift);
      exact[j] = std::exp(x), low[j] = std::exp(x - err);
      high[j] = std::exp(std::min<Real>(x + err, 1000));
      sum += exact[j], low_sum += low[j], high_sum += high[j];
    }
    for (size_t j = 0; j < n; ++j) {
      if (!seen[j]) continue;
      const Real w = exact[j] / sum;
      const Real most = high[j] / (std::max<Real>(low_sum - low[j], 0) + high[j]);
      const Real others = std::max<Real>(high_sum - high[j], 0);
      const Real least = others + low[j] > 0 ? low[j] / (others + low[j]) : high_sum == high[j];
      to[j].w = w;
      to[j].off = std::max(most - w, w - least) + (n / 2 + 8) * kEps * w + kTiny;
    }
    row.value = shift + std::log(sum);
    row.off = std::log(high_sum) - std::log(low_sum) + 2 * kEps * std::abs(row.value) +
              (n / 2 + 8) * kEps;
  }

  static Real logistic(Real x) { return 1 / (1 + std::exp(-x)); }

  void sigmoid(const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
               std::vector<Weight>& to) const {
    for (size_t j = 0; j < scores.size(); ++j) {
      if (!seen[j]) continue;
      const Real x = scores[j].value, w = logistic(x), rest = logistic(-x);
      const Real err = scores[j].err + kEps * (std::min<Real>(std::abs(x), 130) + 8);
      to[j].w = w, to[j].off = std::min<Real>(1, w * std::min<Real>(1, rest * 2) * grown(err)) +
                               kEps * 8 * w + kTiny;
      to[j].off = std::max(to[j].off, logistic(x + err) - w);
      to[j].g = w * rest, to[j].g_off = std::min<Real>(0.25L, to[j].g * grown(err)) + 8 * kEps * w;
      to[j].g_off += kTiny;
    }
  }

  /// Keys in the order of their distance from the query, the right one of two first.
  std::vector<int64_t> by_distance(int64_t i) const {
    std::vector<int64_t> order(static_cast<size_t>(c_.Lk));
    std::iota(order.begin(), order.end(), 0);
    const int64_t p = i + c_.Lk - c_.Lq;
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const int64_t da = std::abs(a - p), db = std::abs(b - p);
      return da != db ? da < db : a > b;
    });
    return order;
  }

  void geometric(int64_t i, const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
                 std::vector<Weight>& to) const {
    Real left = 0, err = 0, all = 0;
    for (size_t j = 0; j < scores.size(); ++j)
      if (seen[j]) all += std::min<Real>(std::max<Real>(scores[j].value, 0) + 1, 1000);
    for (const int64_t j : by_distance(i)) {
      if (!seen[j]) continue;
      const Real x = scores[j].value;
      // log sigmoid(x) and log(1 - sigmoid(x)), neither of which cancels
      const Real share = -std::log1p(std::exp(-std::abs(x))) + std::min<Real>(x, 0);
      const Real rest = -std::log1p(std::exp(-std::abs(x))) - std::max<Real>(x, 0);
      const Real own = scores[j].err + kEps * (std::min<Real>(std::abs(x), 130) + 8);
      const Real off = err + own + kEps * std::min<Real>(std::abs(left), 130) + 4e-16L * all;
      to[j].w = std::exp(share + left);
      to[j].off = std::min<Real>(1, to[j].w * grown(off)) + 8 * kEps * to[j].w + kTiny;
      to[j].off = std::max(to[j].off, std::min<Real>(1, std::exp(share + left + off)) - to[j].w);
      left += rest, err += scores[j].err + kEps * (std::min<Real>(std::abs(rest), 130) + 8);
    }
  }

  /// The first of the largest scores has all weight; g are the weights of the softmax, whose
  /// gradient is taken.
  RowKind hard(int64_t h, int64_t i, const std::vector<Score>& scores,
               const std::vector<uint8_t>& seen, Real top, std::vector<Weight>& to) {
    softmax(h, i, scores, seen, top, to);
    size_t first = 0;
    while (!seen[first] || scores[first].value != top) ++first;
    bool sure = true;
    for (size_t j = 0; j < scores.size(); ++j) {
      if (!seen[j]) continue;
      const Real errors = scores[j].err + scores[first].err;
      if (j != first && errors > 0 && scores[j].value + errors >= top) sure = false;
    }
    for (size_t j = 0; j < to.size(); ++j)
      to[j] = {j == first ? 1.0L : 0.0L, sure ? 0.0L : 1.0L, to[j].w, to[j].off};
    return RowKind::usual;
  }

  RowKind entmax(Real alpha, const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
                 Real top, std::vector<Weight>& to) const {
    const size_t n = scores.size();
    const Real power = 1 / (alpha - 1);
    std::vector<Real> x(n, -kInfinity);
    Real floor = -kInfinity;  // no support lies below
    for (size_t j = 0; j < n; ++j) {
      if (!seen[j]) continue;
      x[j] = (alpha - 1) * (scores[j].value - top);
      floor = std::max(floor, x[j] - (alpha - 1) * scores[j].err - 1);
    }
    Real worst = 0;
    for (size_t j = 0; j < n; ++j)
      if (seen[j] && x[j] + (alpha - 1) * scores[j].err >= floor)
        worst = std::max(worst, (alpha - 1) * scores[j].err);
    const auto weight = [&](Real u, Real p) { return u > 0 ? std::pow(u, p) : Real(0); };
    Real low = -1, high = 0;
    for (int step = 0; step < 70; ++step) {
      const Real middle = (low + high) / 2;
      Real sum = 0;
      for (const Real each : x) sum += weight(each - middle, power);
      (sum >= 1 ? low : high) = middle;
    }
    bool sure = true;
    for (size_t j = 0; j < n; ++j) {
      if (!seen[j]) continue;
      const Real u = x[j] - low;
      const Real off = (alpha - 1) * scores[j].err + worst + (n / 4 + 12) * kEps;
      const Real w = weight(u, power);
      to[j].w = w;
      to[j].off = std::max(weight(u + off, power) - w, w - weight(u - off, power)) +
                  (n / 2 + 16) * kEps * (w + (w > 0 ? -w * std::log(w) : 0)) + kTiny;
      if (alpha == 2) {
        to[j].g = u > 0 ? 1 : 0;
        sure = sure && std::abs(u) > off;
        continue;
      }
      const Real g = weight(u, power - 1);
      to[j].g = g;
      to[j].g_off = std::max(std::abs(weight(u + off, power - 1) - g),
                             std::abs(g - weight(u - off, power - 1))) +
                    (n / 2 + 16) * kEps * (g + (w > 0 ? -g * std::log(w) : 0)) + kTiny;
    }
    return sure ? RowKind::usual : RowKind::undecided;
  }

  // ---- output and gradients ----

  void output(int64_t h, int64_t i, const std::vector<uint8_t>& seen,
              const std::vector<Weight>& weights) {
    for (int64_t e = 0; e < c_.E; ++e) {
      auto& out = result_.out[h](i, e);
      for (int64_t j = 0; j < c_.Lk; ++j) {
        if (!seen[j]) continue;
        const Real v = c_.v(j, e);
        out.add(weights[j].w * v, weights[j].off * std::abs(v), std::abs(weights[j].w * v));
      }
    }
    // Before the rounding to 16 bits: backward keeps the output of the computation.
    for (int64_t e = 0; e < c_.E; ++e) {
      auto& out = result_.out[h](i, e);
      out.off += (c_.Lk / 2 + 10) * kEps * out.terms + kTiny;
    }
  }

  void backward(int64_t h, int64_t i, const std::vector<Score>& scores,
                const std::vector<uint8_t>& seen, const std::vector<Weight>& weights) {
    const auto n = static_cast<size_t>(c_.Lk);
    std::vector<Bounded> dw(n), ds(n);
    for (int64_t j = 0; j < c_.Lk; ++j) {
      if (!seen[j]) continue;
      for (int64_t e = 0; e < c_.E; ++e) {
        const Real g = c_.g[h](i, e), term = g * c_.v(j, e);
        dw[j].add(term, 0, std::abs(term));
        result_.dv(j, e).add(weights[j].w * g, weights[j].off * std::abs(g),
                             std::abs(weights[j].w * g));
      }
      dw[j].off = (c_.E + 2) * kEps * dw[j].terms + kTiny;
    }
    scores_gradient(h, i, scores, seen, weights, dw, ds);
    for (int64_t j = 0; j < c_.Lk; ++j)
      if (seen[j]) inputs_gradient(h, i, j, scores[j], ds[j]);
  }

  void scores_gradient(int64_t h, int64_t i, const std::vector<Score>& scores,
                       const std::vector<uint8_t>& seen, const std::vector<Weight>& weights,
                       const std::vector<Bounded>& dw, std::vector<Bounded>& ds) const {
    const auto& name = c_.normalizer;
    if (name == "sigmoid") {
      for (size_t j = 0; j < ds.size(); ++j)
        ds[j] = {weights[j].g * dw[j].value,
                 weights[j].g_off * (std::abs(dw[j].value) + dw[j].off) + weights[j].g * dw[j].off};
      return;
    }
    if (name == "geometric") return geometric_gradient(i, scores, seen, weights, dw, ds);
    // dS = g (dW - the mean of dW by g), g the weights themselves for softmax.
    std::vector<Weight> by = weights;
    if (name == "softmax")
      for (auto& x : by) x.g = x.w, x.g_off = x.off;
    Real sum = 0, least = 0, mean = 0, size = 0, off = 0;
    for (size_t j = 0; j < by.size(); ++j) {
      if (!seen[j]) continue;
      sum += by[j].g, least += std::max<Real>(by[j].g - by[j].g_off, 0);
      mean += by[j].g * dw[j].value, size += by[j].g * std::abs(dw[j].value);
    }
    if (name == "softmax") sum = least = 1;  // with sinks the weights sum to less
    if (sum == 0) return;
    mean /= sum;
    for (size_t j = 0; j < by.size(); ++j)
      if (seen[j])
        off += by[j].g_off *
                   (std::abs(dw[j].value) + (name == "softmax" ? 0 : std::abs(mean)) + dw[j].off) +
               by[j].g * dw[j].off;
    off = off / std::max<Real>(least, 1e-30L) + (c_.Lk / 2 + c_.E + 12) * kEps * size / sum;
    if (name == "softmax")
      for (int64_t e = 0; e < c_.E; ++e)  // kernels take it from the output
        off += std::abs(c_.g[h](i, e)) *
               (result_.out[h](i, e).off + (c_.E + 2) * kEps * result_.out[h](i, e).terms);
    for (size_t j = 0; j < by.size(); ++j) {
      if (!seen[j]) continue;
      const Real difference = dw[j].value - mean, either = dw[j].off + off;
      ds[j].value = by[j].g * difference;
      ds[j].off = by[j].g_off * (std::abs(difference) + either) + by[j].g * either +
                  4 * kEps * std::abs(ds[j].value);
    }
  }

  void geometric_gradient(int64_t i, const std::vector<Score>& scores,
                          const std::vector<uint8_t>& seen, const std::vector<Weight>& weights,
                          const std::vector<Bounded>& dw, std::vector<Bounded>& ds) const {
    auto order = by_distance(i);
    std::reverse(order.begin(), order.end());
    Bounded farther;  // of w dW
    Real all = 0;
    for (const int64_t j : order)
      if (seen[j]) all += weights[j].w * std::abs(dw[j].value);
    for (const int64_t j : order) {
      if (!seen[j]) continue;
      const Real share = logistic(scores[j].value), rest = logistic(-scores[j].value);
      const Real own = weights[j].w * dw[j].value;
      const Real own_off =
          weights[j].off * (std::abs(dw[j].value) + dw[j].off) + weights[j].w * dw[j].off;
      ds[j].value = rest * own - share * farther.value;
      ds[j].off =
          own_off + farther.off +
          (std::min<Real>(1, scores[j].err) + 10 * kEps) * (std::abs(own) + share * farther.terms) +
          (c_.Lk / 2 + 8) * kEps * share * all;
      farther.add(own, own_off, std::abs(own));
    }
  }

  void inputs_gradient(int64_t h, int64_t i, int64_t j, const Score& s, Bounded ds) {
    const auto through = [](const Bounded& x, Real slope) {
      return Bounded{x.value * slope, x.off * slope + std::abs(x.value) * 10 * kEps};
    };
    if (c_.bias) {
      const auto d = s.bias_slope == 1 ? ds : through(ds, s.bias_slope);
      result_.dbias(i, c_.per_row_bias ? 0 : j).add(d.value, d.off, std::abs(d.value));
    }
    if (c_.score == "uniform") return;
    if (s.slope != 1) ds = through(ds, s.slope);
    const auto add = [&](Bounded& to, Real by, Real size) {
      to.add(ds.value * by, ds.off * size, std::abs(ds.value) * size);
    };
    auto& dq = result_.dq[h];
    if (c_.score == "cosine") return cosine_gradient(h, i, j, add);
    for (int64_t e = 0; e < c_.D; ++e) {
      if (c_.score == "additive") {
        const Real t = std::tanh(Real(c_.q[h](i, e)) + c_.k(j, e)), w = c_.table[h](0, e);
        const Real slope = w * (1 - t * t);
        for (auto* to : {&dq(i, e), &result_.dk(j, e)}) {
          add(*to, slope, std::abs(slope));
          to->off += std::abs(ds.value * w) * 12 * kEps;
        }
        continue;
      }
      const auto [of_key, size_of_key] = seen_by_query(h, j, e);
      add(dq(i, e), c_.scale * of_key, c_.scale * size_of_key);
      if (c_.score == "location") continue;
      Real of_query = c_.q[h](i, e), size = std::abs(of_query);
      if (c_.score == "general") {
        of_query = size = 0;
        for (int64_t f = 0; f < c_.D; ++f) {
          const Real term = Real(c_.q[h](i, f)) * c_.table[h](f, e);
          of_query += term, size += std::abs(term);
        }
      }
      add(result_.dk(j, e), c_.scale * of_query, c_.scale * size);
    }
  }

  /// d cos / d q = (k - cos q) / |q| of unit vectors, and the other way round.
  template <class Add>
  void cosine_gradient(int64_t h, int64_t i, int64_t j, const Add& add) {
    const auto [q, k] = units(h, i, j);
    Real cosine = 0;
    for (int64_t e = 0; e < c_.D; ++e) cosine += q[e] * k[e];
    const Real factor = std::exp(Real(c_.log_scale[h]));
    const Real of_q = factor / length(c_.q[h], i), of_k = factor / length(c_.k, j);
    // The part along q is taken off all at once, so its rounding is that of the whole.
    for (int64_t e = 0; e < c_.D; ++e) {
      add(result_.dq[h](i, e), of_q * (k[e] - cosine * q[e]),
          of_q * (std::abs(k[e]) + std::abs(q[e])));
      add(result_.dk(j, e), of_k * (q[e] - cosine * k[e]),
          of_k * (std::abs(q[e]) + std::abs(k[e])));
    }
  }

  NumberCase& c_;
  NumberResult result_;
};

}  // namespace heed::test
