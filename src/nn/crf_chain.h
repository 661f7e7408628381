// One sequence of a linear-chain CRF: sums and maxima over all its paths.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/crf_passes.h"

namespace heed::nn::crf {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Scores whose spread is less are summed as products of their exponentials: none underflows, and
/// no quotient of sums overflows, in float64 (exp(700)).
inline constexpr double kNarrow = 600;

/// exp(x) for x <= 0 in the precision of T.
template <class T>
double exp_of(double x) {
  return static_cast<double>(std::exp(static_cast<T>(x)));
}

/// The largest of some numbers, and how far the others are below it; -inf aside. The spread is
/// infinite where there is no number, or NaN or +inf among them.
struct Spread {
  double top = -kInfinity, spread = kInfinity;

  Spread(const double* x, int64_t n) {
    double least = kInfinity;
    bool finite = true;
    for (int64_t i = 0; i < n; ++i) {
      finite = finite && x[i] < kInfinity;  // false for NaN
      top = std::max(top, x[i]);
      if (x[i] > -kInfinity) least = std::min(least, x[i]);
    }
    if (finite && top > -kInfinity) spread = top - least;
  }
};

/// transitions (K, K) in float64, and exp(transitions - the largest).
struct Transitions {
  explicit Transitions(const at::Tensor& given)
      : scores(given.to(at::kDouble).contiguous()),
        size(scores.data_ptr<double>(), scores.numel()) {
    weights = at::exp(scores - size.top);
    weights_to = weights.t().contiguous();
  }
  at::Tensor scores;
  Spread size;
  at::Tensor weights, weights_to;  // (from, to), (to, from)
};

/// One sequence, all in float64 but the exponentials of far scores.
template <class T>
class Chain {
 public:
  Chain(const CrfInput& in, const Transitions& transitions, int64_t b)
      : K_(in.start.size(0)),
        n_(in.lengths.data_ptr<int64_t>()[b]),
        emissions_(in.emissions.data_ptr<T>() + b * in.emissions.size(1) * K_),
        start_(in.start.data_ptr<T>()),
        end_(in.end.data_ptr<T>()),
        transitions_(transitions.scores.data_ptr<double>()),
        weights_(transitions.weights.data_ptr<double>()),
        weights_to_(transitions.weights_to.data_ptr<double>()),
        size_(transitions.size) {}

  /// alpha_t[j] = log sum over paths that end in j at t, and before_t[j], the same without x[t, j].
  double forward() {
    alpha_.resize(static_cast<size_t>(n_ * K_));
    before_.resize(static_cast<size_t>(n_ * K_));
    std::vector<double> most(static_cast<size_t>(K_)), sum(static_cast<size_t>(K_));
    for (int64_t j = 0; j < K_; ++j) {
      before(0)[j] = start_[j];
      alpha(0)[j] = before(0)[j] + emissions_[j];
    }
    for (int64_t t = 1; t < n_; ++t) {
      const Spread last(alpha(t - 1), K_);
      std::fill(sum.begin(), sum.end(), 0.0);
      if (last.spread + size_.spread < kNarrow) {
        std::fill(most.begin(), most.end(), last.top + size_.top);
        add_products(alpha(t - 1), last.top, sum.data());
      } else {
        largest(alpha(t - 1), most.data());
        add_exponentials(alpha(t - 1), most.data(), sum.data());
      }
      for (int64_t j = 0; j < K_; ++j) {
        before(t)[j] = most[j] + std::log(sum[j]);
        alpha(t)[j] = before(t)[j] + emissions_[t * K_ + j];
      }
    }
    double top = -kInfinity, all = 0;
    for (int64_t j = 0; j < K_; ++j) top = std::max(top, alpha(n_ - 1)[j] + end_[j]);
    if (top == -kInfinity) top = 0;
    for (int64_t j = 0; j < K_; ++j) all += std::exp(alpha(n_ - 1)[j] + end_[j] - top);
    return top + std::log(all);
  }

  /// After forward(): p_{t-1}[i] = sum_j p_t[j] w_ij, where w_ij = exp(alpha_{t-1}[i] +
  /// transitions[i, j] - before_t[j]) is the part of j's paths that come from i. No term exceeds 1.
  void backward(double log_z, T* emissions, T* transitions, T* start, T* end) {
    std::vector<double> p(static_cast<size_t>(K_)), next(p.size());
    std::vector<double> pairs(transitions ? static_cast<size_t>(K_ * K_) : 0);
    double* counts = transitions ? pairs.data() : nullptr;
    for (int64_t j = 0; j < K_; ++j) p[j] = std::exp(alpha(n_ - 1)[j] + end_[j] - log_z);
    if (end) store(p, end);
    for (int64_t t = n_ - 1; t > 0; --t) {
      if (emissions) store(p, emissions + t * K_);
      const Spread last(alpha(t - 1), K_);
      if (last.spread + size_.spread < kNarrow)
        back_by_products(t, last.top, p.data(), next.data(), counts);
      else
        back_by_exponentials(t, p.data(), next.data(), counts);
      p.swap(next);
    }
    if (emissions) store(p, emissions);
    if (start) store(p, start);
    if (transitions) store(pairs, transitions);
  }

  double best_path(int64_t* tags) {
    alpha_.resize(static_cast<size_t>(2 * K_));  // of two steps
    std::vector<int32_t> from(static_cast<size_t>(n_ * K_));
    for (int64_t j = 0; j < K_; ++j) alpha(0)[j] = double(start_[j]) + emissions_[j];
    for (int64_t t = 1; t < n_; ++t) {
      const double* last = alpha((t - 1) % 2);
      double* now = alpha(t % 2);
      largest(last, now, from.data() + t * K_);
      for (int64_t j = 0; j < K_; ++j) now[j] += emissions_[t * K_ + j];
    }
    double* last = alpha((n_ - 1) % 2);
    for (int64_t j = 0; j < K_; ++j) last[j] += end_[j];
    auto tag = std::max_element(last, last + K_) - last;
    const double score = last[tag];
    for (int64_t t = n_ - 1; t >= 0; --t) tags[t] = tag, tag = from[t * K_ + tag];
    return score;
  }

  double path_score(const int64_t* tags) const {
    double score = double(start_[tags[0]]) + end_[tags[n_ - 1]];
    for (int64_t t = 0; t < n_; ++t) {
      score += emissions_[t * K_ + tags[t]];
      if (t > 0) score += transitions_[tags[t - 1] * K_ + tags[t]];
    }
    return score;
  }

  int64_t length() const { return n_; }

 private:
  double* alpha(int64_t t) { return alpha_.data() + t * K_; }
  double* before(int64_t t) { return before_.data() + t * K_; }

  /// sum[j] += sum_i exp(last[i] - top) weights[i, j].
  void add_products(const double* last, double top, double* sum) const {
    for (int64_t i = 0; i < K_; ++i) {
      const double* row = weights_ + i * K_;
      const double own = std::exp(last[i] - top);
      for (int64_t j = 0; j < K_; ++j) sum[j] += own * row[j];
    }
  }

  void add_exponentials(const double* last, const double* most, double* sum) const {
    for (int64_t i = 0; i < K_; ++i) {
      const double* row = transitions_ + i * K_;
      for (int64_t j = 0; j < K_; ++j) sum[j] += exp_of<T>(last[i] + row[j] - most[j]);
    }
  }

  /// w_ij = exp(alpha[i] - top) weights[i, j] / s_j with s_j the sum of forward(). Takes p to
  /// p_t[j] / s_j.
  void back_by_products(int64_t t, double top, double* p, double* next, double* pairs) {
    for (int64_t j = 0; j < K_; ++j)
      p[j] = before(t)[j] == -kInfinity ? 0 : p[j] * std::exp(top + size_.top - before(t)[j]);
    std::fill(next, next + K_, 0.0);
    for (int64_t j = 0; j < K_; ++j)
      for (int64_t i = 0; i < K_; ++i) next[i] += p[j] * weights_to_[j * K_ + i];
    for (int64_t i = 0; i < K_; ++i) {
      const double own = std::exp(alpha(t - 1)[i] - top);
      next[i] *= own;
      if (!pairs) continue;
      const double* row = weights_ + i * K_;
      for (int64_t j = 0; j < K_; ++j) pairs[i * K_ + j] += own * row[j] * p[j];
    }
  }

  void back_by_exponentials(int64_t t, const double* p, double* next, double* pairs) {
    double* from = before(t);
    // No path reaches j: what came in is -inf, and shall be no part of it.
    for (int64_t j = 0; j < K_; ++j)
      if (from[j] == -kInfinity) from[j] = kInfinity;
    for (int64_t i = 0; i < K_; ++i) {
      const double* row = transitions_ + i * K_;
      const double own = alpha(t - 1)[i];
      next[i] = 0;
      for (int64_t j = 0; j < K_; ++j) {
        const double part = p[j] * exp_of<T>(own + row[j] - from[j]);
        if (pairs) pairs[i * K_ + j] += part;
        next[i] += part;
      }
    }
  }

  /// most[j] = max_i last[i] + transitions[i, j], or 0 where that is -inf.
  void largest(const double* last, double* most) const {
    std::fill(most, most + K_, -kInfinity);
    for (int64_t i = 0; i < K_; ++i)
      for (int64_t j = 0; j < K_; ++j)
        most[j] = std::max(most[j], last[i] + transitions_[i * K_ + j]);
    for (int64_t j = 0; j < K_; ++j)
      if (most[j] == -kInfinity) most[j] = 0;
  }

  void largest(const double* last, double* most, int32_t* from) const {
    std::fill(most, most + K_, -kInfinity);
    std::fill(from, from + K_, 0);
    for (int64_t i = 0; i < K_; ++i)
      for (int64_t j = 0; j < K_; ++j) {
        const double score = last[i] + transitions_[i * K_ + j];
        if (score > most[j]) most[j] = score, from[j] = static_cast<int32_t>(i);
      }
  }

  static void store(const std::vector<double>& from, T* to) {
    for (size_t k = 0; k < from.size(); ++k) to[k] = static_cast<T>(from[k]);
  }

  int64_t K_, n_;
  const T *emissions_, *start_, *end_;
  const double *transitions_, *weights_, *weights_to_;  // (K, K)
  Spread size_;                                         // of transitions
  std::vector<double> alpha_, before_;                  // (n, K)
};

}  // namespace heed::nn::crf
