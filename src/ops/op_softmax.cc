// w_ij = exp(s_ij) / sum_j exp(s_ij); the numbers per row are the largest score m and the sum of
// exp(s_ij - m), logsumexp is m plus the logarithm of the latter. A row that sees nothing (-inf
// everywhere) has zero weights, and passes no gradient. Sinks join the sum.
#include <limits>

#include "ops/op_definition.h"

namespace heed::ops {
namespace {

/// scores (b, h, r, c) with the sink of each head as one more key, where there are sinks. One of
/// +inf leaves no weight to finite scores.
at::Tensor with_sink(const CallContext& context, const at::Tensor& scores) {
  const auto found = context.parameters.find("sinks.score");
  if (found == context.parameters.end()) return scores;
  const auto sink = found->second.view({1, -1, 1, 1});
  const auto takes_all = torch::isposinf(sink);
  const auto others = scores.masked_fill(takes_all & torch::isfinite(scores), kHidden);
  const auto last = sink.masked_fill(takes_all, 0);
  return torch::cat({others, last.expand({scores.size(0), -1, scores.size(2), 1})}, -1);
}

at::Tensor softmax_weights(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto all = with_sink(context, scores);
  const auto blind = (all == kHidden).all(-1, /*keepdim=*/true);
  return torch::softmax(all.masked_fill(blind, 0), -1)
      .masked_fill(blind, 0)
      .narrow(-1, 0, scores.size(-1));
}

at::Tensor softmax_row_stats(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto all = with_sink(context, scores).detach();
  const auto blind = (all == kHidden).all(-1);  // (b, h, r)
  if (all.size(-1) == 0)
    return torch::stack(
        {torch::full_like(blind, kHidden, all.options()), torch::zeros_like(blind, all.options())});
  const auto top = all.amax(-1);
  const auto base = top.masked_fill(blind, 0).unsqueeze(-1);
  const auto sum = torch::exp(all - base).sum(-1);
  const auto found = context.parameters.find("sinks.score");
  if (found == context.parameters.end()) return torch::stack({top, sum});
  const auto sure = torch::isposinf(found->second.detach()).view({1, -1, 1});
  return torch::stack({top.masked_fill(sure, std::numeric_limits<double>::infinity()), sum});
}

at::Tensor softmax_logsumexp(const OpSpec&, const CallContext&, const at::Tensor& row_stats) {
  return row_stats[0] + torch::log(row_stats[1]);
}

at::Tensor softmax_from_row_stats(const OpSpec&, const CallContext&, const at::Tensor& scores,
                                  const at::Tensor& row_stats) {
  const auto blind = (row_stats[0] == kHidden).unsqueeze(-1);
  const auto top = row_stats[0].unsqueeze(-1).masked_fill(blind, 0);
  return (torch::exp(scores - top) / row_stats[1].unsqueeze(-1)).masked_fill(blind, 0);
}

template <class T>
void build_softmax(const OpSpec&, const Operands& operands, Pipeline<T>& to) {
  const auto* sinks = operands.find("per_head");
  if (!sinks) return;
  to.problem.per_head = sinks->value.template data_ptr<T>();
  if (sinks->grad.defined()) to.gradients.per_head = sinks->grad.template data_ptr<T>();
}

}  // namespace

OpDefinition op_softmax() {
  return {.kind = {OpKind::Role::normalizer, "softmax", {}, "exp(score) over the sum of its row"},
          .weights = softmax_weights,
          .row_stats = softmax_row_stats,
          .logsumexp = softmax_logsumexp,
          .weights_from_row_stats = softmax_from_row_stats,
          .build = {build_softmax<float>, build_softmax<double>}};
}

}  // namespace heed::ops
