// Every key alike: the weighted average of Bahdanau's and Luong's baselines.
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor uniform_scores(const Part&, const Scene&, const at::Tensor& q, const at::Tensor& k) {
  return no_score(q, k);
}

/// Without channels a product is 0.
void lower_uniform(const Part&, Terms& terms) {
  terms.q = terms.q.narrow(3, 0, 0), terms.k = terms.k.narrow(3, 0, 0);
}

template <class T>
void build_uniform(const Part&, const Terms&, Pipeline<T>&) {}

}  // namespace

Definition word_uniform() {
  return {.word = {Word::Kind::score, "uniform", {}, "0: every key that is seen weighs the same"},
          .scores = uniform_scores,
          .lower = lower_uniform,
          .build = {build_uniform<float>, build_uniform<double>}};
}

}  // namespace heed::ops
