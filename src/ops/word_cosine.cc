// The cosine of query and key times a learned factor a head (Henry et al. 2020; Liu et al. 2022).
#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr double kSmall = 1e-12;  // keeps the cosine with a zero vector, 0, differentiable

double log_of_initial(const Part& part) { return std::log(part.at("scale")); }

/// e^log_scale (h, 1, 1)
at::Tensor cosine_factor(const Scene& scene) {
  return scene.parameter("cosine.log_scale").exp().view({-1, 1, 1});
}

at::Tensor unit_vectors(const at::Tensor& x) {
  return x * torch::rsqrt(x.square().sum(-1, /*keepdim=*/true) + kSmall);
}

at::Tensor cosine_scores(const Part&, const Scene& scene, const at::Tensor& q,
                         const at::Tensor& k) {
  return torch::matmul(unit_vectors(q), unit_vectors(k).transpose(-2, -1)) * cosine_factor(scene);
}

/// A vector that is not finite, which a mask may hide, keeps to itself: NaN, and no gradient.
at::Tensor guarded_unit(const at::Tensor& x) {
  const auto bad = torch::isfinite(x.detach()).all(-1, /*keepdim=*/true).logical_not();
  return unit_vectors(x.masked_fill(bad, 0))
      .masked_fill(bad, std::numeric_limits<double>::quiet_NaN());
}

void lower_cosine(const Part&, Terms& terms) {
  terms.q = guarded_unit(terms.q) * cosine_factor(terms.scene);
  terms.k = guarded_unit(terms.k);
}

template <class T>
void build_cosine(const Part&, const Terms&, Pipeline<T>&) {}

}  // namespace

Definition word_cosine() {
  return {.word = {Word::Kind::score,
                   "cosine",
                   {{"scale", 10, 1e-3, 1e6, false, "what the learned factor starts from"}},
                   "a learned factor a head times the cosine of q and k"},
          .learned = {{.name = "log_scale", .shape = number_a_head, .mean = log_of_initial}},
          .scores = cosine_scores,
          .lower = lower_cosine,
          .build = {build_cosine<float>, build_cosine<double>}};
}

}  // namespace heed::ops
