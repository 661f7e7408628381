// Weights that can be exactly zero: w_j = max((alpha - 1) s_j - t, 0)^(1 / (alpha - 1)) with the
// threshold t for which a row's weights sum to 1 (Peters et al. 2019); the number a row is t.
//   sparsemax  alpha = 2 (Martins and Astudillo 2016)
//   entmax15   alpha = 1.5
//   entmax     alpha = 1 + sigmoid(a), a learned a head (Correia et al. 2019)
#include <limits>

#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// (h or 1, 1, 1)
at::Tensor alpha_of(const Part& part, const Scene& scene, const at::Tensor& like) {
  if (part.name == "entmax")
    return 1 + torch::sigmoid(scene.parameter("entmax.raw_alpha")).view({-1, 1, 1});
  return torch::full({1, 1, 1}, part.name == "sparsemax" ? 2 : 1.5, like.options());
}

/// max(u, 0)^power, also as a function of the power.
at::Tensor power_of(const at::Tensor& u, const at::Tensor& power) {
  const auto on = u > 0;
  return torch::where(on, torch::where(on, u, torch::ones_like(u)).pow(power),
                      torch::zeros_like(u));
}

/// The threshold of each row (b, h, r, 1), by bisection: N(t) falls from 1 or more at max - 1 to 0
/// at max.
at::Tensor bisected(const at::Tensor& x, const at::Tensor& power) {
  auto low = x.amax(-1, /*keepdim=*/true) - 1, high = low + 1;
  for (int step = 0; step < 80; ++step) {
    const auto middle = (low + high) / 2;
    const auto above = power_of(x - middle, power).sum(-1, true) >= 1;
    low = torch::where(above, middle, low), high = torch::where(above, high, middle);
  }
  return low;
}

struct Solved {
  at::Tensor threshold, weights;
};

Solved solve(const Part& part, const Scene& scene, const at::Tensor& scores) {
  const auto alpha = alpha_of(part, scene, scores);
  const auto power = 1 / (alpha - 1);
  const auto blind = (scores == -kInfinity).all(-1, /*keepdim=*/true);
  // Where there is nothing to see, neither score nor gradient.
  const auto hidden = scores == -kInfinity;
  const auto x =
      (scores.masked_fill(hidden, 0) * (alpha - 1)).masked_fill(hidden & ~blind, -kInfinity);
  if (scores.size(-1) == 0)
    return {torch::full_like(scores.sum(-1, true), kInfinity), torch::zeros_like(scores)};
  auto t = bisected(x.detach(), power.detach());
  // Newton's steps from the root change its value by rounding alone, and give it its derivatives:
  // two of them the first three.
  for (int step = 0; step < 2; ++step) {
    const auto w = power_of(x - t, power);
    const auto slope = power * power_of(x - t, power - 1);
    t = t + (w.sum(-1, true) - 1) / slope.sum(-1, true);
  }
  const auto weights = power_of(x - t, power);
  const auto poison = torch::isnan(scores).any(-1, true) | (scores == kInfinity).any(-1, true);
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  return {t.masked_fill(blind, kInfinity).masked_fill(poison, kNaN),
          weights.masked_fill(blind, 0).masked_fill(poison & ~hidden, kNaN)};
}

at::Tensor entmax_weights(const Part& part, const Scene& scene, const at::Tensor& scores) {
  return solve(part, scene, scores).weights;
}

at::Tensor entmax_rows(const Part& part, const Scene& scene, const at::Tensor& scores) {
  return solve(part, scene, scores.detach()).threshold.detach().squeeze(-1);
}

at::Tensor entmax_from_rows(const Part& part, const Scene& scene, const at::Tensor& scores,
                            const at::Tensor& rows) {
  const auto alpha = alpha_of(part, scene, scores);
  return power_of(scores * (alpha - 1) - rows.unsqueeze(-1), 1 / (alpha - 1));
}

void lower_entmax(const Part&, Terms& terms) {
  terms.add("per_head",
            (1 + torch::sigmoid(terms.scene.parameter("entmax.raw_alpha"))).contiguous());
}

template <class T>
void build_entmax(const Part& part, const Terms& terms, Pipeline<T>& to) {
  using Kind = kernels::NormalizerKind;
  to.problem.normalizer = part.name == "sparsemax"  ? Kind::sparsemax
                          : part.name == "entmax15" ? Kind::entmax15
                                                    : Kind::entmax;
  const auto* alpha = terms.find("per_head");
  if (!alpha) return;
  to.problem.per_head = alpha->value.template data_ptr<T>();
  if (alpha->grad.defined()) to.gradients.per_head = alpha->grad.template data_ptr<T>();
}

/// From which alpha follows.
double raw_alpha(const Part& part) {
  const double a = part.at("alpha") - 1;
  return std::log(a / (1 - a));
}

Definition entmax_word(Word word) {
  return {.word = std::move(word),
          .weights = entmax_weights,
          .rows = entmax_rows,
          .weights_from_rows = entmax_from_rows,
          .build = {build_entmax<float>, build_entmax<double>}};
}

}  // namespace

Definition word_sparsemax() {
  return entmax_word({Word::Kind::normalizer, "sparsemax", {}, "the nearest point of the simplex"});
}

Definition word_entmax15() {
  return entmax_word({Word::Kind::normalizer, "entmax15", {}, "between softmax and sparsemax"});
}

Definition word_entmax() {
  auto definition = entmax_word(
      {Word::Kind::normalizer,
       "entmax",
       {{"alpha", 1.5, 1.01, 1.99, false, "what the learned alpha starts from, 1 to 2"}},
       "a learned alpha a head between softmax (1) and sparsemax (2)"});
  definition.learned = {{.name = "raw_alpha", .shape = number_a_head, .mean = raw_alpha}};
  definition.lower = lower_entmax;
  return definition;
}

}  // namespace heed::ops
