// Every key alike: the weighted average of Bahdanau's and Luong's baselines.
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor uniform_scores(const OpSpec&, const CallContext&, const at::Tensor& q,
                          const at::Tensor& k) {
  return no_score(q, k);
}

/// Without channels a product is 0.
void prepare_uniform(const OpSpec&, Operands& operands) {
  operands.q = operands.q.narrow(3, 0, 0), operands.k = operands.k.narrow(3, 0, 0);
}

template <class T>
void build_uniform(const OpSpec&, const Operands&, Pipeline<T>&) {}

}  // namespace

OpDefinition op_uniform() {
  return {.kind = {OpKind::Role::score, "uniform", {}, "0: every key that is seen weighs the same"},
          .scores = uniform_scores,
          .prepare = prepare_uniform,
          .build = {build_uniform<float>, build_uniform<double>}};
}

}  // namespace heed::ops
