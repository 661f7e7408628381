// The weights of one row by the papers' formulas, and how far those of a right computation in the
// dtype may be from them: a weight lies between those of scores moved by their errors against each
// other, and a few eps beside.
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

template <class T>
class NumberWeights {
 public:
  static constexpr Real kEps = std::numeric_limits<T>::epsilon();
  static constexpr Real kFar = sizeof(T) == 4 ? 130 : 750;  ///< e^-x of more is no number
  static constexpr Real kTiny = 4 * static_cast<Real>(std::numeric_limits<T>::min());
  static constexpr Real kInfinity = std::numeric_limits<Real>::infinity();

  explicit NumberWeights(const NumberCase& c) : c_(c) {}

  /// Fills `to` for the scores that are seen, of which `top` is the largest; `row` becomes
  /// softmax's log of the sum. Undecided: rounding decides which weights are zero.
  RowKind weigh(int64_t h, int64_t i, const std::vector<Score>& scores,
                const std::vector<uint8_t>& seen, Real top, std::vector<Weight>& to,
                Bounded& row) const {
    const auto& name = c_.normalizer;
    if (name == "softmax") return softmax(h, scores, seen, top, to, row), RowKind::usual;
    if (name == "sigmoid") return sigmoid(scores, seen, to), RowKind::usual;
    if (name == "geometric") return geometric(i, scores, seen, to), RowKind::usual;
    if (name == "hard") return hard(h, scores, seen, top, to, row);
    return entmax(name == "sparsemax"  ? 2
                  : name == "entmax15" ? 1.5L
                                       : 1 + 1 / (1 + std::exp(-Real(c_.raw_alpha[h]))),
                  scores, seen, top, to);
  }

  static Real logistic(Real x) { return 1 / (1 + std::exp(-x)); }

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

 private:
  /// e^x - 1 of an error, which beyond 30 says nothing.
  static Real grown(Real x) { return std::expm1(std::min<Real>(x, 30)); }

  /// The error of an exponent: that of the score, and of taking off the maximum.
  Real exponent_error(const Score& s, Real top) const {
    return s.err + kEps * (std::min<Real>(top - s.value, kFar) + 6);
  }

  /// The weights of scores that may move by their errors against each other.
  void softmax(int64_t h, const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
               Real top, std::vector<Weight>& to, Bounded& row) const {
    const size_t n = scores.size();
    Real shift = top;
    const Real sink = c_.sinks ? Real(c_.sink[h]) : -kInfinity;
    shift = std::max(shift, sink);
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
      // Where all is 0, the errors leave everything open.
      const Real below = std::max<Real>(low_sum - low[j], 0);
      const Real above = std::max<Real>(high_sum - high[j], 0);
      const Real most = below + high[j] > 0 ? high[j] / (below + high[j]) : 1;
      const Real least = above + low[j] > 0 ? low[j] / (above + low[j]) : high_sum == high[j];
      to[j].w = w;
      to[j].off = std::max(most - w, w - least) + (n / 2 + 8) * kEps * w + kTiny;
    }
    row.value = shift + std::log(sum);
    row.off = std::log(high_sum) - std::log(low_sum) + 2 * kEps * std::abs(row.value) +
              (n / 2 + 8) * kEps;
  }

  void sigmoid(const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
               std::vector<Weight>& to) const {
    for (size_t j = 0; j < scores.size(); ++j) {
      if (!seen[j]) continue;
      const Real x = scores[j].value, w = logistic(x), rest = logistic(-x);
      const Real err = scores[j].err + kEps * (std::min<Real>(std::abs(x), kFar) + 8);
      to[j].w = w, to[j].off = std::min<Real>(1, w * std::min<Real>(1, rest * 2) * grown(err)) +
                               kEps * 8 * w + kTiny;
      to[j].off = std::max(to[j].off, logistic(x + err) - w);
      to[j].g = w * rest, to[j].g_off = std::min<Real>(0.25L, to[j].g * grown(err)) + 8 * kEps * w;
      to[j].g_off += kTiny;
    }
  }

  void geometric(int64_t i, const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
                 std::vector<Weight>& to) const {
    Real left = 0, err = 0, all = 0;
    for (size_t j = 0; j < scores.size(); ++j)
      if (seen[j]) all += std::min<Real>(std::max<Real>(scores[j].value, 0) + 1, 1000);
    // Running sums are kept in double: every addition rounds by half a unit of no more than `all`.
    const Real of_sums = 1.2e-16L * static_cast<Real>(scores.size() + 2) * all;
    for (const int64_t j : by_distance(i)) {
      if (!seen[j]) continue;
      const Real x = scores[j].value;
      // log sigmoid(x) and log(1 - sigmoid(x)), neither of which cancels
      const Real share = -std::log1p(std::exp(-std::abs(x))) + std::min<Real>(x, 0);
      const Real rest = -std::log1p(std::exp(-std::abs(x))) - std::max<Real>(x, 0);
      const Real own = scores[j].err + kEps * (std::min<Real>(std::abs(x), kFar) + 8);
      const Real off = err + own + kEps * std::min<Real>(std::abs(left), kFar) + of_sums;
      to[j].w = std::exp(share + left);
      to[j].off = std::min<Real>(1, to[j].w * grown(off)) + 8 * kEps * to[j].w + kTiny;
      to[j].off = std::max(to[j].off, std::min<Real>(1, std::exp(share + left + off)) - to[j].w);
      left += rest, err += scores[j].err + kEps * (std::min<Real>(std::abs(rest), kFar) + 8);
    }
  }

  /// The first of the largest scores has all weight; g are the weights of the softmax, whose
  /// gradient is taken.
  RowKind hard(int64_t h, const std::vector<Score>& scores, const std::vector<uint8_t>& seen,
               Real top, std::vector<Weight>& to, Bounded& row) const {
    softmax(h, scores, seen, top, to, row);
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
                    (n / 2 + 16) * kEps * (g + (w > 0 ? -g * std::log(w) : 0)) +
                    kTiny / std::clamp<Real>(u, kEps, 1);  // w / u of a w that underflows
    }
    return sure ? RowKind::usual : RowKind::undecided;
  }

  const NumberCase& c_;
};

}  // namespace heed::test
