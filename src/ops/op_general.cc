// The bilinear score q^T W k (Luong et al. 2015, general), one W (D, D) a head.
#include "ops/by_rows.h"
#include "ops/op_definition.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

std::vector<int64_t> general_shape(const OpSpec&, const kernels::Sizes& s) {
  return {s.H, s.D, s.D};
}

double general_deviation(const kernels::Sizes& s) {
  return 1 / std::max(1.0, static_cast<double>(s.D));
}

at::Tensor general_scores(const OpSpec&, const CallContext& context, const at::Tensor& q,
                          const at::Tensor& k) {
  return product(product(q, context.parameter("general.weight")), k.transpose(2, 3));
}

/// A product of Lq D^2 before the kernels makes a dot product of it.
void prepare_general(const OpSpec&, Operands& operands) {
  const auto& s = operands.context.sizes;
  operands.q = by_rows(operands.q, {operands.context.parameter("general.weight")}, s.H * s.D,
                       [](const at::Tensor& q, const auto& parameters) {
                         return of_finite_rows(
                             q, [&](const at::Tensor& x) { return product(x, parameters[0]); });
                       });
}

template <class T>
void build_general(const OpSpec&, const Operands&, Pipeline<T>&) {}

}  // namespace

OpDefinition op_general() {
  return {.kind = {OpKind::Role::score, "general", {}, "q^T W k with a learned W a head"},
          .learned = {{.name = "weight", .shape = general_shape, .std = general_deviation}},
          .scores = general_scores,
          .prepare = prepare_general,
          .build = {build_general<float>, build_general<double>}};
}

}  // namespace heed::ops
