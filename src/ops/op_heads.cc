// What heads do with each other and to their outputs:
//   talking  scores and weights are mixed across heads (Shazeer et al. 2020)
//   gate     nn::MultiHeadAttention multiplies each head's output by sigmoid(x W + b) (Qiu et al.
//            2025), so here it is declared only
#include "ops/op_definition.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

std::vector<int64_t> heads_by_heads(const OpSpec&, const kernels::Sizes& s) { return {s.H, s.H}; }

/// x (b, H, r, c) + what the mixing (H, H) adds: row h says how the others come into head h.
at::Tensor mixed(const at::Tensor& x, const at::Tensor& mixing) {
  return x + product(mixing, x.flatten(2)).view_as(x);
}

/// A score of -inf (a bias that hides) stays in its head and gives the others nothing.
at::Tensor mix_scores(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto hidden = scores == kHidden;
  return mixed(scores.masked_fill(hidden, 0), context.parameter("talking.scores"))
      .masked_fill(hidden, kHidden);
}

at::Tensor mix_weights(const OpSpec&, const CallContext& context, const at::Tensor& weights) {
  return mixed(weights, context.parameter("talking.weights"));
}

at::Tensor as_it_is(const OpSpec&, const CallContext&, const at::Tensor& scores) { return scores; }
void nothing_to_prepare(const OpSpec&, Operands&) {}

}  // namespace

OpDefinition op_talking() {
  return {
      .kind = {OpKind::Role::modifier, "talking", {}, "heads mix their scores and their weights"},
      .learned = {{.name = "scores", .shape = heads_by_heads},
                  {.name = "weights", .shape = heads_by_heads}},
      .change = mix_scores,
      .mix = mix_weights};
}

OpDefinition op_gate() {
  return {.kind = {OpKind::Role::modifier, "gate", {}, "a learned gate a head and query"},
          .change = as_it_is,
          .prepare = nothing_to_prepare,
          .adds = true};
}

}  // namespace heed::ops
