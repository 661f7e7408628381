// Keys are asked in the order of their distance from the query, the right one of two first; each
// takes what is left of the weight with probability sigmoid(score) (Csordas et al. 2022, "The
// neural data router", geometric attention; with a causal mask the stick-breaking of Tan et al.
// 2025). There is nothing to know of a row: its row_stats are 0.
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

constexpr double kNothing = -800;  // e^x is 0 from -746 on

/// How much each key finds left, as a logarithm: the sum of log(1 - sigmoid(s)) over the nearer
/// keys. Those are neighbours of each other, so it is a difference of two running sums, kept in
/// float64 because both may be long. A term that leaves nothing is cut: a larger one would take its
/// neighbours' digits.
at::Tensor log_left(const CallContext& context, const at::Tensor& scores) {
  const auto p = query_positions(context, scores);  // (r, 1)
  const auto j = key_positions(context, scores);    // (c)
  const int64_t columns = scores.size(3), first = context.column;
  const auto distance = (p - j).abs();  // (r, c)
  const auto begin = (p - distance + 1 - first).clamp(0, columns);
  const auto end = (p + distance + (j < p).to(at::kLong) - first).clamp(0, columns);
  const auto hidden = scores == kHidden;
  const auto refused = torch::log_sigmoid(-scores.masked_fill(hidden, 0)).masked_fill(hidden, 0);
  const auto sums =  // (b, h, r, c + 1)
      torch::constant_pad_nd(refused.to(at::kDouble).clamp_min(kNothing).cumsum(-1), {1, 0});
  const auto upto = [&](const at::Tensor& place) {
    return sums.gather(-1, place.expand(scores.sizes()));
  };
  return (upto(torch::maximum(begin, end)) - upto(begin)).to(scores.scalar_type());
}

at::Tensor geometric_weights(const OpSpec&, const CallContext& context, const at::Tensor& scores) {
  const auto hidden = scores == kHidden;
  const auto seen = scores.masked_fill(hidden, 0);
  const auto left = log_left(context, scores);
  return (torch::log_sigmoid(seen) + left).exp().masked_fill(hidden, 0);
}

at::Tensor geometric_from_row_stats(const OpSpec& op, const CallContext& context,
                                    const at::Tensor& scores, const at::Tensor&) {
  return geometric_weights(op, context, scores);
}

}  // namespace

OpDefinition op_geometric() {
  return {.kind = {OpKind::Role::normalizer,
                   "geometric",
                   {},
                   "sigmoid(score) of what nearer keys left; near keys first"},
          .weights = geometric_weights,
          .row_stats = no_row_stats,
          .logsumexp = first_row_stat,
          .weights_from_row_stats = geometric_from_row_stats,
          .whole_rows = true};
}

}  // namespace heed::ops
