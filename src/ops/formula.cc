// The readable formula of attention, in LibTorch's own operators: any device, any number of
// derivatives.
#include "heed/core/threads.h"
#include "kernels/attend.h"
#include "ops/call.h"

namespace heed {
namespace ops {
namespace {

/// 1 / (1 - p) where a weight is kept, 0 where it is dropped: (B, H, Lq, Lk), the kernels' choice.
at::Tensor dropout_factor(const Call& call, const at::Tensor& weights) {
  const auto& s = call.scene.sizes;
  auto keep = torch::empty({s.B, s.H, s.Lq, s.Lk}, at::kByte);
  uint8_t* data = keep.data_ptr<uint8_t>();
  parallel_for(s.B * s.H, [&](int64_t task) {
    for (int64_t i = 0; i < s.Lq; ++i)
      kernels::dropout_keep(call.dropout, call.seed, task / s.H, task % s.H, i, 0, s.Lk,
                            data + (task * s.Lq + i) * s.Lk);
  });
  return keep.to(weights.options()) / (1 - call.dropout);
}

/// What one part makes of the scores; of alternatives, hides what all of them hide.
at::Tensor change(const Part& part, const Scene& scene, const at::Tensor& scores) {
  const auto alone = [&](const Part& p, const at::Tensor& x) {
    return definition(p.name).change(p, scene, x);
  };
  if (part.alternatives.empty()) return alone(part, scores);
  const auto open = torch::zeros_like(scores.detach());
  auto hidden = torch::isneginf(alone(part, open));
  for (const auto& other : part.alternatives) hidden = hidden & torch::isneginf(alone(other, open));
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

/// Which pairs (b, h, i, j) the masks hide; not defined without masks.
at::Tensor hidden_pairs(const Call& call, const at::Tensor& q) {
  if (call.how.masks.empty()) return {};
  const auto& s = call.scene.sizes;
  auto none_hidden = call.how;
  none_hidden.modifiers.clear();
  const auto open = torch::zeros({s.B, s.H, s.Lq, s.Lk}, q.options().requires_grad(false));
  return torch::isneginf(changed(none_hidden, expanded(call), open));
}

bool is_finite(const at::Tensor& x) { return torch::isfinite(x).all().item<bool>(); }

/// What every query sees of k or v, as pictures of their own: (B H Lq, 1, Lk, D), 0 where hidden.
/// So that a hidden NaN meets no factor 0, whose product with it would be NaN.
at::Tensor seen_by_each(const at::Tensor& kv, const at::Tensor& hidden) {
  const auto each = kv.unsqueeze(2).masked_fill(hidden.unsqueeze(-1), 0);  // (B, H, Lq, Lk, D)
  return each.flatten(0, 2).unsqueeze(1);
}

}  // namespace

at::Tensor for_each_head(const at::Tensor& kv, int64_t heads) {
  if (kv.size(1) == heads) return kv;
  return kv.repeat_interleave(heads / kv.size(1), 1);
}

at::Tensor changed(const Attention& how, const Scene& scene, at::Tensor scores) {
  for (const auto* parts : {&how.modifiers, &how.masks})
    for (const auto& part : *parts) scores = change(part, scene, scores);
  return scores;
}

Attended by_formula(const Call& call, bool want_rows) {
  // Autocast would compute the products in 16 bits; the formula is the exact one.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto& s = call.scene.sizes;
  const auto q = call.q.to(call.compute);                      // (B, H, Lq, D)
  const auto k = for_each_head(call.k.to(call.compute), s.H);  // (B, H, Lk, D)
  const auto v = for_each_head(call.v.to(call.compute), s.H);  // (B, H, Lk, E)
  const auto& score = definition(call.how.score.name);
  const auto hidden = hidden_pairs(call, q);
  // Costs D times the memory, so only where a product would let a hidden NaN or infinity through.
  const bool apart = hidden.defined() && !(is_finite(q) && is_finite(k) && is_finite(v));
  const auto raw =
      apart
          ? score
                .scores(call.how.score,
                        q.masked_fill(hidden.all(-1, true), 0).flatten(0, 2).view({-1, 1, 1, s.D}),
                        seen_by_each(k, hidden))
                .view({s.B, s.H, s.Lq, s.Lk})
          : score.scores(call.how.score, q, k);
  const auto scores = changed(call.how, expanded(call), raw);  // (B, H, Lq, Lk)
  const auto& normalizer = definition(call.how.normalizer.name);
  Attended result;
  result.weights = normalizer.weights(scores);  // (B, H, Lq, Lk)
  if (want_rows) result.rows = normalizer.rows(scores);
  auto w = result.weights;
  if (call.dropout > 0) w = w * dropout_factor(call, w);
  const auto out = apart ? torch::matmul(w.reshape({-1, 1, 1, s.Lk}), seen_by_each(v, hidden))
                               .view({s.B, s.H, s.Lq, s.E})
                         : torch::matmul(w, v);
  result.out = out.to(call.q.scalar_type());  // (B, H, Lq, E)
  return result;
}

}  // namespace ops

at::Tensor attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Attention& how, const AttendInputs& inputs, at::Tensor* weights) {
  const auto result = ops::by_formula(ops::checked(q, k, v, how, inputs), false);
  if (weights) *weights = result.weights;
  return result.out;
}

}  // namespace heed
