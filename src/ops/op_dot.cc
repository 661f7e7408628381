// Scores by the inner product: dot (Luong et al. 2015) and scaled_dot (Vaswani et al. 2017).
#include "ops/op_definition.h"
#include "ops/product.h"

namespace heed::ops {

double dot_scale(const OpSpec& op, int64_t D) {
  const double given = op.name == "dot" ? 1 : op.at("scale");
  return given != 0 ? given : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(D, 1)));
}

at::Tensor no_score(const at::Tensor& q, const at::Tensor& k) {
  return product(q.narrow(3, 0, 0), k.narrow(3, 0, 0).transpose(2, 3));
}

namespace {

at::Tensor dot_scores(const OpSpec& op, const CallContext&, const at::Tensor& q,
                      const at::Tensor& k) {
  return product(q, k.transpose(2, 3)) * dot_scale(op, q.size(-1));
}

template <class T>
void build_dot(const OpSpec& op, const Operands& operands, Pipeline<T>& to) {
  to.problem.scale = static_cast<T>(dot_scale(op, operands.context.sizes.D));
}

}  // namespace

OpDefinition op_dot() {
  return {.kind = {OpKind::Role::score, "dot", {}, "q . k"},
          .scores = dot_scores,
          .build = {build_dot<float>, build_dot<double>}};
}

OpDefinition op_scaled_dot() {
  return {.kind = {OpKind::Role::score,
                   "scaled_dot",
                   {{"scale", 0, 0, 1e6, false, "the factor; 0: 1/sqrt(D)"}},
                   "scale q . k"},
          .scores = dot_scores,
          .build = {build_dot<float>, build_dot<double>}};
}

}  // namespace heed::ops
