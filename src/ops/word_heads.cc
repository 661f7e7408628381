// What heads do with each other and to their outputs:
//   talking  scores and weights are mixed across heads (Shazeer et al. 2020)
//   gate     nn::MultiHeadAttention multiplies each head's output by sigmoid(x W + b) (Qiu et al.
//            2025), so here it is declared only
#include "ops/product.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

std::vector<int64_t> heads_by_heads(const Part&, const kernels::Sizes& s) { return {s.H, s.H}; }

/// x (b, H, r, c) + what the mixing (H, H) adds: row h says how the others come into head h.
at::Tensor mixed(const at::Tensor& x, const at::Tensor& mixing) {
  return x + product(mixing, x.flatten(2)).view_as(x);
}

/// A score of -inf (a bias that hides) stays in its head and gives the others nothing.
at::Tensor mix_scores(const Part&, const Scene& scene, const at::Tensor& scores) {
  const auto hidden = scores == kHidden;
  return mixed(scores.masked_fill(hidden, 0), scene.parameter("talking.scores"))
      .masked_fill(hidden, kHidden);
}

at::Tensor mix_weights(const Part&, const Scene& scene, const at::Tensor& weights) {
  return mixed(weights, scene.parameter("talking.weights"));
}

at::Tensor as_it_is(const Part&, const Scene&, const at::Tensor& scores) { return scores; }
void nothing_to_lower(const Part&, Terms&) {}

}  // namespace

Definition word_talking() {
  return {.word = {Word::Kind::modifier, "talking", {}, "heads mix their scores and their weights"},
          .learned = {{.name = "scores", .shape = heads_by_heads},
                      {.name = "weights", .shape = heads_by_heads}},
          .change = mix_scores,
          .mix = mix_weights};
}

Definition word_gate() {
  return {.word = {Word::Kind::modifier, "gate", {}, "a learned gate a head and query"},
          .change = as_it_is,
          .lower = nothing_to_lower,
          .adds = true};
}

}  // namespace heed::ops
