// The readable formula of attention, in LibTorch's own operators: any device, any number of
// derivatives.
#include "heed/core/threads.h"
#include "kernels/attend.h"
#include "ops/call.h"
#include "ops/product.h"

namespace heed {
namespace ops {
namespace {

/// 1 / (1 - p) where a weight is kept, 0 where it is dropped, the kernels' choice: as weights.
at::Tensor dropout_factor(const Call& call, const CallContext& context, const at::Tensor& weights) {
  const int64_t H = weights.size(1), rows = weights.size(2), Lk = weights.size(3);
  auto keep = torch::empty(weights.sizes(), at::kByte);
  uint8_t* data = keep.data_ptr<uint8_t>();
  parallel_for(weights.size(0) * H, [&](int64_t task) {
    for (int64_t i = 0; i < rows; ++i)
      kernels::dropout_keep(call.dropout, context.seed, context.batch + task / H, task % H,
                            context.row + i, context.column, Lk, data + (task * rows + i) * Lk);
  });
  return keep.to(weights.options()) / (1 - call.dropout);
}

/// What one part makes of the scores; of alternatives, hides what all of them hide.
at::Tensor change(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto alone = [&](const OpSpec& p, const at::Tensor& x) {
    return definition(p.name).change(p, context, x);
  };
  if (op.alternatives.empty()) return alone(op, scores);
  const auto open = torch::zeros_like(scores.detach());
  auto hidden = torch::isneginf(alone(op, open));
  for (const auto& other : op.alternatives) hidden = hidden & torch::isneginf(alone(other, open));
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

/// Which pairs (b, h, i, j) masks and a bias of -inf hide. Where heads mix their scores and
/// weights, each reads what any of them sees.
at::Tensor hidden_pairs(const Call& call, const CallContext& context, const at::Tensor& q,
                        const at::Tensor& k) {
  auto masks = call.how;
  masks.modifiers.clear();
  const auto open =
      torch::zeros({q.size(0), q.size(1), q.size(2), k.size(2)}, q.options().requires_grad(false));
  auto hidden = changed(masks, context, open) == kHidden;
  if (context.bias.defined()) hidden = hidden | (context.bias == kHidden);
  return mixes_heads(call.how) ? hidden.all(1, /*keepdim=*/true).expand(hidden.sizes()) : hidden;
}

/// (b, h, n): whether all numbers of a row of x (b, h, n, D) are finite.
at::Tensor finite_rows(const at::Tensor& x) { return torch::isfinite(x.detach()).all(-1); }

/// Query i alone, with the keys that it may not see set to 0.
Attended one_row(const Call& call, const CallContext& context, const at::Tensor& q,
                 const at::Tensor& k, const at::Tensor& v, const at::Tensor& hidden, int64_t i,
                 bool want_row_stats) {
  const auto of_row = hidden.select(2, i).unsqueeze(-1);                     // (b, h, c, 1)
  const auto query = q.narrow(2, i, 1).masked_fill(of_row.all(2, true), 0);  // (b, h, 1, D)
  return formula_rows(call, cut(context, {i, i + 1}, {0, k.size(2)}), query,
                      k.masked_fill(of_row, 0), v.masked_fill(of_row, 0), want_row_stats);
}

/// `of_all` with the rows (b, h, r) of `some` in place of its own.
at::Tensor replaced(const at::Tensor& of_all, const std::vector<int64_t>& rows,
                    const std::vector<at::Tensor>& some, const at::Tensor& where) {
  const auto index = torch::tensor(rows, at::kLong).to(of_all.device());
  auto chosen = where.index_select(2, index);
  while (chosen.dim() < of_all.dim()) chosen = chosen.unsqueeze(-1);
  const auto now = torch::where(chosen, torch::cat(some, 2), of_all.index_select(2, index));
  return of_all.index_copy(2, index, now);
}

}  // namespace

at::Tensor for_each_head(const at::Tensor& kv, int64_t heads) {
  if (kv.size(1) == heads) return kv;
  return kv.repeat_interleave(heads / kv.size(1), 1);
}

at::Tensor changed(const Attention& how, const CallContext& context, at::Tensor scores) {
  for (const auto* specs : {&how.modifiers, &how.masks})
    for (const auto& op : *specs) scores = change(op, context, scores);
  // A block may reach beyond the keys.
  const int64_t keys = context.sizes.Lk - context.column;
  if (scores.size(3) <= keys) return scores;
  return scores.masked_fill(key_positions(context, scores) >= context.sizes.Lk, kHidden);
}

at::Tensor scores_of(const Attention& how, const CallContext& context, const at::Tensor& q,
                     const at::Tensor& k) {
  auto scores = definition(how.score.name).scores(how.score, context, q, k);
  if (const auto place = definition(how.position.name).place)
    scores = place(how.position, context, q, k, scores);
  return changed(how, context, scores);
}

bool mixes_heads(const Attention& how) {
  return std::any_of(how.modifiers.begin(), how.modifiers.end(),
                     [](const OpSpec& op) { return definition(op.name).mix; });
}

at::Tensor mixed_weights(const Attention& how, const CallContext& context, at::Tensor weights) {
  for (const auto& op : how.modifiers)
    if (const auto mix = definition(op.name).mix) weights = mix(op, context, weights);
  return weights;
}

Attended formula_rows(const Call& call, const CallContext& context, const at::Tensor& q,
                      const at::Tensor& k, const at::Tensor& v, bool want_row_stats) {
  const auto scores = scores_of(call.how, context, q, k);  // (b, h, r, c)
  const auto& normalizer = definition(call.how.normalizer.name);
  Attended result;
  result.weights = normalizer.weights(call.how.normalizer, context, scores);
  if (want_row_stats) {
    result.row_stats = normalizer.row_stats(call.how.normalizer, context, scores);
    result.logsumexp = normalizer.logsumexp(call.how.normalizer, context, result.row_stats);
  }
  result.weights = mixed_weights(call.how, context, result.weights);
  auto w = result.weights;
  if (call.dropout > 0) w = w * dropout_factor(call, context, w);
  result.out = product(w, v);  // (b, h, r, E)
  const auto& position = call.how.position;
  if (const auto accumulate = definition(position.name).accumulate)
    result.out = accumulate(position, context, w, result.out);
  return result;
}

bool are_finite(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const auto finite = [](const at::Tensor& x) {
    return torch::isfinite(x.detach()).all().item<bool>();
  };
  return finite(q) && finite(k) && finite(v);
}

Attended formula_visible(const Call& call, const CallContext& context, const at::Tensor& q,
                         const at::Tensor& k, const at::Tensor& v, bool want_row_stats) {
  if (q.size(2) == 0 || are_finite(q, k, v))
    return formula_rows(call, context, q, k, v, want_row_stats);
  const auto hidden = hidden_pairs(call, context, q, k);                  // (b, h, r, c)
  const auto bad_keys = (finite_rows(k) & finite_rows(v)).logical_not();  // (b, h, c)
  const auto bad_queries = finite_rows(q).logical_not();                  // (b, h, r)
  // The rows that see something which is not finite: they are computed one by one. All others may
  // take 0 for it.
  auto spoiled = (hidden.logical_not() & bad_keys.unsqueeze(2)).any(-1) |
                 (bad_queries & hidden.all(-1).logical_not());
  if (mixes_heads(call.how)) spoiled = spoiled.any(1, /*keepdim=*/true).expand(spoiled.sizes());
  const auto quiet = [](const at::Tensor& x, const at::Tensor& bad) {
    return x.masked_fill(bad.unsqueeze(-1), 0);
  };
  auto all = formula_rows(call, context, quiet(q, bad_queries | spoiled), quiet(k, bad_keys),
                          quiet(v, bad_keys), want_row_stats);
  std::vector<int64_t> which;
  std::vector<at::Tensor> outs, first, second, logsumexps, weights;
  const auto some = spoiled.any(1).any(0).to(at::kCPU);  // (r)
  for (int64_t i = 0; i < q.size(2); ++i) {
    if (!some[i].item<bool>()) continue;
    const auto one = one_row(call, context, q, k, v, hidden, i, want_row_stats);
    which.push_back(i), outs.push_back(one.out), weights.push_back(one.weights);
    if (!want_row_stats) continue;
    first.push_back(one.row_stats[0]), second.push_back(one.row_stats[1]);
    logsumexps.push_back(one.logsumexp);
  }
  if (which.empty()) return all;
  all.out = replaced(all.out, which, outs, spoiled);
  all.weights = replaced(all.weights, which, weights, spoiled);
  if (!want_row_stats) return all;
  all.row_stats = torch::stack({replaced(all.row_stats[0], which, first, spoiled),
                                replaced(all.row_stats[1], which, second, spoiled)});
  all.logsumexp = replaced(all.logsumexp, which, logsumexps, spoiled);
  return all;
}

Attended by_formula(const Call& call, bool want_row_stats) {
  // Autocast would compute the products in 16 bits; the formula is the exact one.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto& s = call.context.sizes;
  const auto q = call.q.to(call.compute);                      // (B, H, Lq, D)
  const auto k = for_each_head(call.k.to(call.compute), s.H);  // (B, H, Lk, D)
  const auto v = for_each_head(call.v.to(call.compute), s.H);  // (B, H, Lk, E)
  auto result = formula_visible(call, expanded(call), q, k, v, want_row_stats);
  result.out = result.out.to(call.q.scalar_type());  // (B, H, Lq, E)
  return result;
}

}  // namespace ops

at::Tensor attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Attention& how, const AttendInputs& inputs, at::Tensor* weights) {
  const auto result = ops::by_formula(ops::checked_operator(q, k, v, how, inputs), false);
  if (weights) *weights = result.weights;
  return result.out;
}

}  // namespace heed
