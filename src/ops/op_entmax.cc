// Weights that can be exactly zero: w_j = max((alpha - 1) s_j - t, 0)^(1 / (alpha - 1)) with the
// threshold t for which a row's weights sum to 1 (Peters et al. 2019).
//   sparsemax  alpha = 2 (Martins and Astudillo 2016)
//   entmax15   alpha = 1.5
//   entmax     alpha = 1 + sigmoid(a), a learned per head (Correia et al. 2019)
// The numbers per row are the largest score m and, with x_j = m - s_j, the b of u_j = b - (alpha -
// 1) x_j or, for an alpha near 1, the c of u_j = 1 - (alpha - 1) (x_j + c): see
// kernels/entmax_tile-inl.h.
#include <limits>

#include "ops/op_definition.h"

namespace heed::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// alpha - 1: (h or 1, 1, 1)
at::Tensor step_of(const OpSpec& op, const CallContext& context, const at::Tensor& like) {
  if (op.name == "entmax")
    return torch::sigmoid(context.parameter("entmax.raw_alpha")).view({-1, 1, 1});
  return torch::full({1, 1, 1}, op.name == "sparsemax" ? 1 : 0.5, like.options());
}

/// Up to which alpha - 1 the kernels keep c, and from which on b.
constexpr double kNear = 0.125;

/// -log(1 - z) / z of 0 <= z < 1: a series where z is small, whose derivatives do not cancel
/// either.
at::Tensor log_ratio(const at::Tensor& z) {
  const auto is_small = z < 0.05;
  const auto near = torch::where(is_small, z, torch::zeros_like(z));
  auto series = torch::zeros_like(z);
  for (int k = 14; k >= 1; --k) series = series * near + 1.0 / k;
  const auto far = torch::where(is_small, torch::full_like(z, 0.5), z);
  return torch::where(is_small, series, -torch::log1p(-far) / far);
}

/// w = u^p and g = u^(p-1), 0 off the support, from x = m - s and the row's b or c.
struct Powers {
  at::Tensor weight, slope;
};

Powers powers_of(const OpSpec& op, const at::Tensor& x, const at::Tensor& shift,
                 const at::Tensor& step) {
  const auto is_near = step < kNear;
  const auto base = torch::where(is_near, 1 - step * (x + shift), shift - step * x);
  const auto on = base > 0, none = torch::zeros_like(base);
  const auto u = torch::where(on, base, torch::ones_like(base));
  const auto only = [&](const at::Tensor& t) { return torch::where(on, t, none); };
  if (op.name == "sparsemax") return {only(u), only(torch::ones_like(u))};
  if (op.name == "entmax15") return {only(u * u), only(u)};
  const auto y = torch::where(on & is_near, x + shift, none);
  const auto log_weight =
      torch::where(is_near, -y * log_ratio(y * step), torch::log(u) / step.clamp_min(kNear));
  const auto weight = torch::exp(log_weight);
  return {only(weight), only(weight / u)};
}

/// b or c of each row (b, h, r, 1), by bisection: as a function of c the sum of the weights falls
/// from 1 or more at 0 to 1 or less at the logarithm of the number of keys.
at::Tensor bisected(const OpSpec& op, const at::Tensor& x, const at::Tensor& step) {
  const auto shift = [&](const at::Tensor& c) {
    return torch::where(step < kNear, c, 1 - step * c);
  };
  auto low = torch::zeros_like(x.narrow(-1, 0, 1));
  auto high = torch::minimum(torch::full_like(low, std::log(x.size(-1)) + 1e-3), 1 / step);
  for (int round = 0; round < 80; ++round) {
    const auto middle = (low + high) / 2;
    const auto above = powers_of(op, x, shift(middle), step).weight.sum(-1, true) >= 1;
    low = torch::where(above, middle, low), high = torch::where(above, high, middle);
  }
  return shift(low);
}

/// The largest x = m - s that is told from others.
double x_limit(const at::Tensor& like) {
  return (like.scalar_type() == at::kDouble ? std::numeric_limits<double>::max()
                                            : double{std::numeric_limits<float>::max()}) /
         4;
}

struct Solved {
  at::Tensor top, shift, weights;  ///< m, b or c (b, h, r, 1), NaN for a row that sees inf or NaN
};

Solved solve(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto step = step_of(op, context, scores);
  if (scores.size(-1) == 0) {
    const auto none = torch::zeros_like(scores.sum(-1, true));
    return {torch::full_like(none, -kInfinity), none, torch::zeros_like(scores)};
  }
  const auto hidden = scores == -kInfinity;
  const auto blind = hidden.all(-1, /*keepdim=*/true);
  const auto poison = torch::isnan(scores).any(-1, true) | (scores == kInfinity).any(-1, true);
  const auto top = scores.detach().amax(-1, /*keepdim=*/true);
  // Where there is nothing to see, neither score nor gradient.
  const auto base = top.masked_fill(blind | poison, 0);
  // Far below any support, and finite, so that its product with a gradient of 0 is 0.
  const double far = x_limit(scores);
  const auto x = (base - scores.masked_fill(hidden | poison, 0))
                     .masked_fill(hidden & ~blind, far)
                     .clamp_max(far);
  auto shift = bisected(op, x.detach(), step.detach());
  // Newton's steps from the root change its value by rounding alone, and give it its derivatives:
  // two of them the first three.
  const auto direction = torch::where(step < kNear, torch::ones_like(step), -step);
  for (int round = 0; round < 2; ++round) {
    const auto here = powers_of(op, x, shift, step);
    shift = shift + direction * (here.weight.sum(-1, true) - 1) / here.slope.sum(-1, true);
  }
  const auto weights = powers_of(op, x, shift, step).weight;
  return {top, shift.masked_fill(poison, kNaN),
          weights.masked_fill(blind | hidden, 0).masked_fill(poison & ~hidden, kNaN)};
}

at::Tensor entmax_weights(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  return solve(op, context, scores).weights;
}

at::Tensor entmax_row_stats(const OpSpec& op, const CallContext& context,
                            const at::Tensor& scores) {
  const auto solved = solve(op, context, scores.detach());
  return torch::stack({solved.top, solved.shift}).squeeze(-1).detach();
}

at::Tensor entmax_logsumexp(const OpSpec& op, const CallContext& context,
                            const at::Tensor& row_stats) {
  const auto step = step_of(op, context, row_stats).squeeze(-1);  // (h or 1, 1)
  const auto top = row_stats[0], shift = row_stats[1];
  const auto t = torch::where(step < kNear, step * (top + shift) - 1, step * top - shift);
  return t.masked_fill(top == -kInfinity, kInfinity);
}

at::Tensor entmax_from_row_stats(const OpSpec& op, const CallContext& context,
                                 const at::Tensor& scores, const at::Tensor& row_stats) {
  const auto top = row_stats[0].unsqueeze(-1), shift = row_stats[1].unsqueeze(-1);
  const auto hidden = scores == -kInfinity;
  const auto x = top.masked_fill(top == -kInfinity, 0) - scores;
  const auto weights = powers_of(op, x, shift, step_of(op, context, scores)).weight;
  return weights.masked_fill(hidden, 0).masked_fill(torch::isnan(shift) & ~hidden, kNaN);
}

void prepare_entmax(const OpSpec&, Operands& operands) {
  operands.add("per_head",
               torch::sigmoid(operands.context.parameter("entmax.raw_alpha")).contiguous());
}

template <class T>
void build_entmax(const OpSpec& op, const Operands& operands, Pipeline<T>& to) {
  using Kind = kernels::NormalizerKind;
  to.problem.normalizer = op.name == "sparsemax"  ? Kind::sparsemax
                          : op.name == "entmax15" ? Kind::entmax15
                                                  : Kind::entmax;
  const auto* step = operands.find("per_head");
  if (!step) return;
  to.problem.per_head = step->value.template data_ptr<T>();
  if (step->grad.defined()) to.gradients.per_head = step->grad.template data_ptr<T>();
}

/// From which alpha follows.
double raw_alpha(const OpSpec& op) {
  const double a = op.at("alpha") - 1;
  return std::log(a / (1 - a));
}

OpDefinition entmax_op(OpKind kind) {
  return {.kind = std::move(kind),
          .weights = entmax_weights,
          .row_stats = entmax_row_stats,
          .logsumexp = entmax_logsumexp,
          .weights_from_row_stats = entmax_from_row_stats,
          .build = {build_entmax<float>, build_entmax<double>}};
}

}  // namespace

OpDefinition op_sparsemax() {
  return entmax_op({OpKind::Role::normalizer, "sparsemax", {}, "the nearest point of the simplex"});
}

OpDefinition op_entmax15() {
  return entmax_op({OpKind::Role::normalizer, "entmax15", {}, "between softmax and sparsemax"});
}

OpDefinition op_entmax() {
  auto definition =
      entmax_op({OpKind::Role::normalizer,
                 "entmax",
                 {{"alpha", 1.5, 1.01, 1.99, false, "what the learned alpha starts from, 1 to 2"}},
                 "a learned alpha a head between softmax (1) and sparsemax (2)"});
  definition.learned = {{.name = "raw_alpha", .shape = number_a_head, .mean = raw_alpha}};
  definition.prepare = prepare_entmax;
  return definition;
}

}  // namespace heed::ops
