// The readable formula of attention, in LibTorch's own operators: any device, any number of
// derivatives.
#include "heed/core/threads.h"
#include "kernels/attend.h"
#include "ops/call.h"

namespace heed {
namespace ops {
namespace {

/// 1 / (1 - p) where a weight is kept, 0 where it is dropped, the kernels' choice: as weights.
at::Tensor dropout_factor(const Call& call, const Scene& scene, const at::Tensor& weights) {
  const int64_t H = weights.size(1), rows = weights.size(2), Lk = weights.size(3);
  auto keep = torch::empty(weights.sizes(), at::kByte);
  uint8_t* data = keep.data_ptr<uint8_t>();
  parallel_for(weights.size(0) * H, [&](int64_t task) {
    for (int64_t i = 0; i < rows; ++i)
      kernels::dropout_keep(call.dropout, scene.seed, task / H, task % H, scene.row + i, 0, Lk,
                            data + (task * rows + i) * Lk);
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
at::Tensor hidden_pairs(const Call& call, const Scene& scene, const at::Tensor& q) {
  if (call.how.masks.empty()) return {};
  const auto& s = call.scene.sizes;
  auto none_hidden = call.how;
  none_hidden.modifiers.clear();
  const auto open = torch::zeros({s.B, s.H, s.Lq, s.Lk}, q.options().requires_grad(false));
  return torch::isneginf(changed(none_hidden, scene, open));
}

bool is_finite(const at::Tensor& x) { return torch::isfinite(x).all().item<bool>(); }

/// A query at a time, with what it may not see set to 0: so a hidden NaN meets no factor 0, whose
/// product with it would be NaN.
Attended apart(const Call& call, const Scene& scene, const at::Tensor& q, const at::Tensor& k,
               const at::Tensor& v, const at::Tensor& hidden, bool want_numbers) {
  std::vector<at::Tensor> outs, numbers, summaries, weights;
  for (int64_t i = 0; i < q.size(2); ++i) {
    const auto of_row = hidden.select(2, i).unsqueeze(-1);                     // (B, H, Lk, 1)
    const auto query = q.narrow(2, i, 1).masked_fill(of_row.all(2, true), 0);  // (B, H, 1, D)
    const auto one = formula_rows(call, cut(scene, {i, i + 1}, {0, k.size(2)}), query,
                                  k.masked_fill(of_row, 0), v.masked_fill(of_row, 0), want_numbers);
    outs.push_back(one.out), weights.push_back(one.weights);
    if (want_numbers) numbers.push_back(one.numbers), summaries.push_back(one.summary);
  }
  Attended all;
  all.out = torch::cat(outs, 2), all.weights = torch::cat(weights, 2);
  if (want_numbers) all.numbers = torch::cat(numbers, 3), all.summary = torch::cat(summaries, 2);
  return all;
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

at::Tensor scores_of(const Attention& how, const Scene& scene, const at::Tensor& q,
                     const at::Tensor& k) {
  auto scores = definition(how.score.name).scores(how.score, scene, q, k);
  if (const auto place = definition(how.position.name).place)
    scores = place(how.position, scene, q, k, scores);
  return changed(how, scene, scores);
}

bool mixes_heads(const Attention& how) {
  return std::any_of(how.modifiers.begin(), how.modifiers.end(),
                     [](const Part& part) { return definition(part.name).mix; });
}

at::Tensor mixed_weights(const Attention& how, const Scene& scene, at::Tensor weights) {
  for (const auto& part : how.modifiers)
    if (const auto mix = definition(part.name).mix) weights = mix(part, scene, weights);
  return weights;
}

Attended formula_rows(const Call& call, const Scene& scene, const at::Tensor& q,
                      const at::Tensor& k, const at::Tensor& v, bool want_numbers) {
  const auto scores = scores_of(call.how, scene, q, k);  // (b, h, r, c)
  const auto& normalizer = definition(call.how.normalizer.name);
  Attended result;
  result.weights = normalizer.weights(call.how.normalizer, scene, scores);
  if (want_numbers) {
    result.numbers = normalizer.numbers(call.how.normalizer, scene, scores);
    result.summary = normalizer.summary(call.how.normalizer, scene, result.numbers);
  }
  result.weights = mixed_weights(call.how, scene, result.weights);
  auto w = result.weights;
  if (call.dropout > 0) w = w * dropout_factor(call, scene, w);
  result.out = torch::matmul(w, v);  // (b, h, r, E)
  const auto& position = call.how.position;
  if (const auto gather = definition(position.name).gather)
    result.out = gather(position, scene, w, result.out);
  return result;
}

Attended by_formula(const Call& call, bool want_numbers) {
  // Autocast would compute the products in 16 bits; the formula is the exact one.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto& s = call.scene.sizes;
  const auto q = call.q.to(call.compute);                      // (B, H, Lq, D)
  const auto k = for_each_head(call.k.to(call.compute), s.H);  // (B, H, Lk, D)
  const auto v = for_each_head(call.v.to(call.compute), s.H);  // (B, H, Lk, E)
  const Scene scene = expanded(call);
  const auto hidden = hidden_pairs(call, scene, q);
  const bool poisoned =
      hidden.defined() && s.Lq > 0 && !(is_finite(q) && is_finite(k) && is_finite(v));
  auto result = poisoned ? apart(call, scene, q, k, v, hidden, want_numbers)
                         : formula_rows(call, scene, q, k, v, want_numbers);
  result.out = result.out.to(call.q.scalar_type());  // (B, H, Lq, E)
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
