// w_ij = exp(s_ij) / sum_j exp(s_ij); the number a row is the log of that sum. A row that sees
// nothing (-inf everywhere) has zero weights, and passes no gradient. Sinks join the sum.
#include <limits>

#include "ops/word.h"

namespace heed::ops {
namespace {

/// scores (b, h, r, c) with the sink of each head as one more key, where there are sinks.
at::Tensor with_sink(const Scene& scene, const at::Tensor& scores) {
  const auto found = scene.parameters.find("sinks.score");
  if (found == scene.parameters.end()) return scores;
  const auto sink = found->second.view({1, -1, 1, 1});
  return torch::cat({scores, sink.expand({scores.size(0), -1, scores.size(2), 1})}, -1);
}

at::Tensor softmax_weights(const Part&, const Scene& scene, const at::Tensor& scores) {
  const auto all = with_sink(scene, scores);
  const auto blind = (all == kHidden).all(-1, /*keepdim=*/true);
  return torch::softmax(all.masked_fill(blind, 0), -1)
      .masked_fill(blind, 0)
      .narrow(-1, 0, scores.size(-1));
}

at::Tensor softmax_rows(const Part&, const Scene& scene, const at::Tensor& scores) {
  return torch::logsumexp(with_sink(scene, scores).detach(), -1);
}

at::Tensor softmax_from_rows(const Part&, const Scene&, const at::Tensor& scores,
                             const at::Tensor& rows) {
  const auto lse = rows.unsqueeze(-1);
  return torch::exp(scores - lse).masked_fill(lse == kHidden, 0);
}

template <class T>
void build_softmax(const Part&, const Terms& terms, Pipeline<T>& to) {
  const auto* sinks = terms.find("per_head");
  if (!sinks) return;
  to.problem.per_head = sinks->value.template data_ptr<T>();
  if (sinks->grad.defined()) to.gradients.per_head = sinks->grad.template data_ptr<T>();
}

}  // namespace

Definition word_softmax() {
  return {.word = {Word::Kind::normalizer, "softmax", {}, "exp(score) over the sum of its row"},
          .weights = softmax_weights,
          .rows = softmax_rows,
          .weights_from_rows = softmax_from_rows,
          .build = {build_softmax<float>, build_softmax<double>}};
}

}  // namespace heed::ops
