// w_ij = sigmoid(s_ij + bias): each key by itself (Ramapuram et al. 2024). There is nothing to
// know of a row: its row_stats are 0.
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor sigmoid_weights(const OpSpec& op, const CallContext&, const at::Tensor& scores) {
  return torch::sigmoid(scores + op.at("bias"));
}

at::Tensor sigmoid_from_row_stats(const OpSpec& op, const CallContext& context,
                                  const at::Tensor& scores, const at::Tensor&) {
  return sigmoid_weights(op, context, scores);
}

template <class T>
void build_sigmoid(const OpSpec& op, const Operands&, Pipeline<T>& to) {
  to.problem.normalizer = kernels::NormalizerKind::sigmoid;
  to.problem.normalizer_argument = static_cast<T>(op.at("bias"));
}

}  // namespace

OpDefinition op_sigmoid() {
  return {
      .kind = {OpKind::Role::normalizer,
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
