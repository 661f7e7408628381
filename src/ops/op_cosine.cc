// The cosine of query and key times a learned factor per head (Henry et al. 2020; Liu et al. 2022).
// It is the same for vectors of every length that numbers can have. With a vector of zeros, which
// has no direction, it is 0, and has the gradient of a dot product with the other's direction.
#include "ops/by_rows.h"
#include "ops/op_definition.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

double log_of_initial(const OpSpec& op) { return std::log(op.at("scale")); }

/// e^log_scale (h, 1, 1)
at::Tensor factor_of(const at::Tensor& log_scale) { return log_scale.exp().view({-1, 1, 1}); }
at::Tensor cosine_factor(const CallContext& context) {
  return factor_of(context.parameter("cosine.log_scale"));
}

/// x / |x|, of zeros zeros. Divided by its largest number first, which changes neither the value
/// nor any derivative, a vector has a length of 1 to sqrt(D), whose square is far from any limit.
at::Tensor unit_vectors(const at::Tensor& x) {
  if (x.size(-1) == 0) return x;
  const auto largest = x.detach().abs().amax(-1, /*keepdim=*/true), zero = largest == 0;
  const auto scaled = x / largest.masked_fill(zero, 1);
  return scaled / scaled.square().sum(-1, /*keepdim=*/true).masked_fill(zero, 1).sqrt();
}

at::Tensor cosine_scores(const OpSpec&, const CallContext& context, const at::Tensor& q,
                         const at::Tensor& k) {
  if (q.size(3) == 0) return no_score(q, k);
  return product(unit_vectors(q), unit_vectors(k).transpose(2, 3)) * cosine_factor(context);
}

void prepare_cosine(const OpSpec&, Operands& operands) {
  const auto& s = operands.context.sizes;
  operands.q = by_rows(operands.q, {operands.context.parameter("cosine.log_scale")}, s.H * s.D,
                       [](const at::Tensor& q, const auto& parameters) {
                         const auto factor = factor_of(parameters[0]);
                         return of_finite_rows(
                             q, [&](const at::Tensor& x) { return unit_vectors(x) * factor; });
                       });
  operands.k = by_rows(operands.k, {}, s.G * s.D, [](const at::Tensor& k, const auto&) {
    return of_finite_rows(k, unit_vectors);
  });
}

template <class T>
void build_cosine(const OpSpec&, const Operands&, Pipeline<T>&) {}

}  // namespace

OpDefinition op_cosine() {
  return {.kind = {OpKind::Role::score,
                   "cosine",
                   {{"scale", 10, 1e-3, 1e6, false, "what the learned factor starts from"}},
                   "a learned factor per head times the cosine of q and k"},
          .learned = {{.name = "log_scale", .shape = number_a_head, .mean = log_of_initial}},
          .scores = cosine_scores,
          .prepare = prepare_cosine,
          .build = {build_cosine<float>, build_cosine<double>}};
}

}  // namespace heed::ops
