#include "nn/crf_passes.h"

#include "heed/core/threads.h"

namespace heed::nn {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// exp(x) for x <= 0 in the precision of T.
template <class T>
double exp_of(double x) {
  return static_cast<double>(std::exp(static_cast<T>(x)));
}

/// One sequence, all in float64 but the exponentials.
template <class T>
class Chain {
 public:
  Chain(const CrfInput& in, const std::vector<double>& transitions, int64_t b)
      : K_(in.start.size(0)),
        n_(in.lengths.data_ptr<int64_t>()[b]),
        emissions_(in.emissions.data_ptr<T>() + b * in.emissions.size(1) * K_),
        start_(in.start.data_ptr<T>()),
        end_(in.end.data_ptr<T>()),
        transitions_(transitions.data()) {}

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
      const double* last = alpha(t - 1);
      largest(last, most.data());
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t i = 0; i < K_; ++i) {
        const double* row = transitions_ + i * K_;
        for (int64_t j = 0; j < K_; ++j) sum[j] += exp_of<T>(last[i] + row[j] - most[j]);
      }
      for (int64_t j = 0; j < K_; ++j) {
        before(t)[j] = most[j] + std::log(sum[j]);
        alpha(t)[j] = before(t)[j] + emissions_[t * K_ + j];
      }
    }
    double top = -kInfinity, all = 0;
    for (int64_t j = 0; j < K_; ++j) top = std::max(top, alpha(n_ - 1)[j] + end_[j]);
    if (top == -kInfinity) top = 0;
    for (int64_t j = 0; j < K_; ++j) all += exp_of<T>(alpha(n_ - 1)[j] + end_[j] - top);
    return top + std::log(all);
  }

  /// After forward(): p_{t-1}[i] = sum_j p_t[j] w_ij, where w_ij = exp(alpha_{t-1}[i] +
  /// transitions[i, j] - before_t[j]) is the part of j's paths that come from i. No term exceeds 1.
  void backward(double log_z, T* emissions, T* transitions, T* start, T* end) {
    std::vector<double> p(static_cast<size_t>(K_)), next(p.size());
    std::vector<double> pairs(transitions ? static_cast<size_t>(K_ * K_) : 0);
    for (int64_t j = 0; j < K_; ++j) p[j] = exp_of<T>(alpha(n_ - 1)[j] + end_[j] - log_z);
    if (end) store(p, end);
    for (int64_t t = n_ - 1; t > 0; --t) {
      if (emissions) store(p, emissions + t * K_);
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
          if (transitions) pairs[i * K_ + j] += part;
          next[i] += part;
        }
      }
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
  const double* transitions_;
  std::vector<double> alpha_, before_;  // (n, K)
};

/// Calls body(b, chain) for each sequence that has tokens.
template <class T, class Body>
void each_chain(const CrfInput& in, const Body& body) {
  const auto wide = in.transitions.to(at::kDouble).contiguous();
  const double* numbers = wide.data_ptr<double>();
  const std::vector<double> transitions(numbers, numbers + wide.numel());
  parallel_for(in.emissions.size(0), [&](int64_t b) {
    Chain<T> chain(in, transitions, b);
    if (chain.length() > 0) body(b, chain);
  });
}

/// Calls body(T()) with the dtype of the input.
template <class Body>
void by_dtype(const CrfInput& in, const Body& body) {
  in.emissions.scalar_type() == at::kDouble ? body(double()) : body(float());
}

/// Sequence b of t, or null.
template <class T>
T* of_sequence(const at::Tensor& t, int64_t b) {
  return t.defined() ? t.data_ptr<T>() + b * t.stride(0) : nullptr;
}

}  // namespace

at::Tensor crf_log_partition(const CrfInput& in, const CrfExpected& expected) {
  auto log_z = at::zeros({in.emissions.size(0)}, at::kDouble);
  const bool any = expected.emissions.defined() || expected.transitions.defined() ||
                   expected.start.defined() || expected.end.defined();
  by_dtype(in, [&](auto type) {
    using T = decltype(type);
    each_chain<T>(in, [&](int64_t b, Chain<T>& chain) {
      const double own = log_z.data_ptr<double>()[b] = chain.forward();
      if (any && own != -kInfinity)
        chain.backward(own, of_sequence<T>(expected.emissions, b),
                       of_sequence<T>(expected.transitions, b), of_sequence<T>(expected.start, b),
                       of_sequence<T>(expected.end, b));
    });
  });
  return log_z;
}

at::Tensor crf_path_score(const CrfInput& in, const at::Tensor& tags, const CrfExpected& counts) {
  const int64_t K = in.start.size(0);
  auto score = at::zeros({in.emissions.size(0)}, at::kDouble);
  by_dtype(in, [&](auto type) {
    using T = decltype(type);
    each_chain<T>(in, [&](int64_t b, Chain<T>& chain) {
      const int64_t n = chain.length(), *y = of_sequence<int64_t>(tags, b);
      score.data_ptr<double>()[b] = chain.path_score(y);
      if (T* start = of_sequence<T>(counts.start, b)) start[y[0]] -= 1;
      if (T* end = of_sequence<T>(counts.end, b)) end[y[n - 1]] -= 1;
      T* emissions = of_sequence<T>(counts.emissions, b);
      T* transitions = of_sequence<T>(counts.transitions, b);
      for (int64_t t = 0; t < n; ++t) {
        if (emissions) emissions[t * K + y[t]] -= 1;
        if (transitions && t > 0) transitions[y[t - 1] * K + y[t]] -= 1;
      }
    });
  });
  return score;
}

std::pair<at::Tensor, at::Tensor> crf_best_path(const CrfInput& in) {
  auto tags = at::full({in.emissions.size(0), in.emissions.size(1)}, -1, at::kLong);
  auto score = at::zeros({in.emissions.size(0)}, at::kDouble);
  by_dtype(in, [&](auto type) {
    using T = decltype(type);
    each_chain<T>(in, [&](int64_t b, Chain<T>& chain) {
      score.data_ptr<double>()[b] = chain.best_path(of_sequence<int64_t>(tags, b));
    });
  });
  return {tags, score};
}

}  // namespace heed::nn
