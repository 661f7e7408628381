#include "ops/libtorch_call.h"

#include <limits>

#include "ops/torch_version.h"

namespace heed::ops {

bool libtorch_can(const Call& call) {
  const auto& score = call.how.score.name;
  const auto& s = call.context.sizes;
  const bool any_work = s.B > 0 && s.H > 0 && s.Lq > 0 && s.Lk > 0 && s.D > 0 && s.E > 0;
  const auto adds = [](const OpSpec& op) { return definition(op.name).adds; };
  const auto& how = call.how;
  return HEED_TORCH_HAS_SDPA && any_work && call.dropout == 0 && how.normalizer.name == "softmax" &&
         (score == "dot" || score == "scaled_dot") && !definition(how.position.name).place &&
         std::all_of(how.modifiers.begin(), how.modifiers.end(), adds);
}

#if HEED_TORCH_HAS_SDPA

at::Tensor by_libtorch(const Call& call) {
  constexpr double kHidden = -std::numeric_limits<double>::infinity();
  const auto& s = call.context.sizes;
  const auto& score = call.how.score;
  // LibTorch multiplies by 1/sqrt(D) itself.
  const double factor = dot_scale(score, s.D) * std::sqrt(static_cast<double>(s.D));
  const auto q = factor == 1 ? call.q : call.q * factor;
  const auto k = for_each_head(call.k, s.H), v = for_each_head(call.v, s.H);
  const bool plain = call.how.modifiers.empty() && call.how.masks.empty();
  const bool causal = call.how.modifiers.empty() &&
                      call.how.masks == std::vector<OpSpec>{{"causal"}} && s.Lq == s.Lk &&
                      call.context.offset == 0;
  if (plain || causal) return at::scaled_dot_product_attention(q, k, v, {}, 0, causal);

  auto mask = changed(call.how, expanded(call),
                      at::zeros({s.B, s.H, s.Lq, s.Lk}, q.options().dtype(call.compute)));
  const auto blind = (mask == kHidden).all(-1, /*keepdim=*/true);  // (B, H, Lq, 1)
  mask = mask.masked_fill(blind, 0).to(q.scalar_type());
  return at::scaled_dot_product_attention(q, k, v, mask).masked_fill(blind, 0);
}

#else

at::Tensor by_libtorch(const Call& call) { return by_formula(call, false).out; }

#endif

}  // namespace heed::ops
