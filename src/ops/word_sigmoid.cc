// w_ij = sigmoid(s_ij + bias): each key by itself (Ramapuram et al. 2024). There is nothing to
// know of a row: its row_stats are 0.
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor sigmoid_weights(const Part& part, const Scene&, const at::Tensor& scores) {
  return torch::sigmoid(scores + part.at("bias"));
}

at::Tensor sigmoid_from_row_stats(const Part& part, const Scene& scene, const at::Tensor& scores,
                                  const at::Tensor&) {
  return sigmoid_weights(part, scene, scores);
}

template <class T>
void build_sigmoid(const Part& part, const Terms&, Pipeline<T>& to) {
  to.problem.normalizer = kernels::NormalizerKind::sigmoid;
  to.problem.normalizer_argument = static_cast<T>(part.at("bias"));
}

}  // namespace

Definition word_sigmoid() {
  return {
      .word = {Word::Kind::normalizer,
               "sigmoid",
               {{"bias", 0, -1e3, 1e3, false, "added to the scores; - log Lk starts like softmax"}},
               "1 / (1 + exp(-score - bias)), each key by itself"},
      .weights = sigmoid_weights,
      .row_stats = no_row_stats,
      .logsumexp = first_row_stat,
      .weights_from_row_stats = sigmoid_from_row_stats,
      .build = {build_sigmoid<float>, build_sigmoid<double>}};
}

}  // namespace heed::ops
