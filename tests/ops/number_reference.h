// Attention and its gradients by the papers' formulas, in loops over long double, and beside every
// number how far a right computation in the dtype may be from it.
//
// The bounds follow the rounding of a plain computation. A score has an error `err` of a few eps of
// the terms that it is summed from (none in exact calls, where it is rounded as the kernels round
// it). A weight then lies between those of scores moved by their errors against each other. What
// is summed from weights carries their bounds, and eps for each addition. Nothing is fitted to what
// the kernels do.
#pragma once

#include "ops/number_weights.h"

namespace heed::test {

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
  explicit NumberReference(NumberCase& c) : c_(c), weights_(c) {}

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
  static constexpr Real kEps = NumberWeights<T>::kEps, kTiny = NumberWeights<T>::kTiny;
  static constexpr Real kInfinity = NumberWeights<T>::kInfinity;

  /// The rounding of sums, whose terms have been collected, and of the dtype they end in.
  void settle(Grid& grid, Real additions) const {
    const Real last = c_.type == at::kBFloat16 ? 0x1p-8L : kEps;
    for (auto& x : grid.data) {
      x.off += (additions / 2 + 10) * kEps * x.terms;
      x.off += last * (std::abs(x.value) + x.off) + kTiny;
    }
  }

  // ---- scores ----

  /// Adds in the dtype. Rounding keeps order: an error that it swallows is gone, as where a score
  /// meets a number beside which it is nothing.
  static void add(Score& s, Real x) {
    if (s.err == 0) {
      s.value = static_cast<T>(s.value) + static_cast<T>(x);
      return;
    }
    const auto rounded = [](Real sum) { return static_cast<Real>(static_cast<T>(sum)); };
    const Real sum = s.value + x, err = s.err + 0x1p-62L * std::abs(sum);  // Real rounds, too
    const Real low = rounded(sum - err), high = rounded(sum + err);
    s.value = rounded(sum);
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
      add(s, -slope * std::abs(i + c_.Lk - c_.Lq - j));
    }
    if (c_.cap > 0 && c_.cap_first) cap(s);
    s.bias_slope = 1;
    if (c_.bias) add(s, c_.bias_of(i, c_.per_row_bias ? 0 : j));
    if (c_.cap > 0 && !c_.cap_first) cap(s);
    if (!c_.added.data.empty()) add(s, c_.added(i, j));
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
      kind = weights_.weigh(h, i, scores, seen, top, weights, result_.rows[h](i, 0));
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
    auto order = weights_.by_distance(i);
    std::reverse(order.begin(), order.end());
    Bounded farther;  // of w dW
    Real all = 0;
    for (const int64_t j : order)
      if (seen[j]) all += weights[j].w * std::abs(dw[j].value);
    for (const int64_t j : order) {
      if (!seen[j]) continue;
      const Real share = weights_.logistic(scores[j].value);
      const Real rest = weights_.logistic(-scores[j].value);
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
  const NumberWeights<T> weights_;
  NumberResult result_;
};

}  // namespace heed::test
