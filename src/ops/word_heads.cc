// What heads do with each other and to their outputs:
//   talking  scores and weights are mixed across heads (Shazeer et al. 2020)
//   gate     nn::MultiHeadAttention multiplies each head's output by sigmoid(x W + b) (Qiu et al.
//            2025), so here it is declared only
#include "ops/word.h"

namespace heed::ops {
namespace {

std::vector<int64_t> heads_by_heads(const Part&, const kernels::Sizes& s) { return {s.H, s.H}; }

/// x (b, H, r, c) + what the mixing (H, H) adds: row h says how the others come into head h.
at::Tensor mixed(const at::Tensor& x, const at::Tensor& mixing) {
  return x + torch::einsum("hg,bgij->bhij", {mixing, x});
}

at::Tensor mix_scores(const Part&, const Scene& scene, const at::Tensor& scores) {
  return mixed(scores, scene.parameter("talking.scores"));
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
