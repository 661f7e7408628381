#include "nn/crf_passes.h"

#include "heed/core/threads.h"
#include "nn/crf_chain.h"

namespace heed::nn {
namespace {

using crf::Chain;

/// Calls body(b, chain) for each sequence that has tokens.
template <class T, class Body>
void each_chain(const CrfInput& in, const Body& body) {
  const crf::Transitions transitions(in.transitions);
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
      if (any && own != -crf::kInfinity)
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
