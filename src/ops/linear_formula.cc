// The readable formula of linear attention, in LibTorch's own operators: any device, any number of
// derivatives.
#include "ops/linear_call.h"

namespace heed {
namespace ops {
namespace {

at::Tensor first_state(const LinearCall& call) {
  if (call.state.defined()) return call.state;
  return at::zeros({call.k.size(0), call.k.size(1), call.k.size(3), call.v.size(3)},
                   call.k.options());
}

/// q (B, H, n, D) asks S (B, G, D, E): (B, H, n, E).
at::Tensor ask(const at::Tensor& q, const at::Tensor& state) {
  const int64_t B = q.size(0), H = q.size(1), n = q.size(2), G = state.size(1);
  if (G == 0) return at::zeros({B, H, n, state.size(3)}, q.options());
  const auto grouped = q.reshape({B, G, H / G * n, q.size(3)});
  return at::matmul(grouped, state).reshape({B, H, n, state.size(3)});
}

}  // namespace

LinearResult linear_by_formula(const LinearCall& call) {
  auto state = first_state(call);  // S (B, G, D, E)
  std::vector<at::Tensor> outs;
  for (int64_t t = 0; t < call.k.size(2); ++t) {
    const auto k = call.k.select(2, t).unsqueeze(3);  // (B, G, D, 1)
    auto u = call.v.select(2, t).unsqueeze(2);        // (B, G, 1, E)
    if (call.log_decay.defined()) state = call.log_decay.select(2, t).exp().unsqueeze(3) * state;
    if (call.beta.defined()) {
      const auto beta = call.beta.select(2, t).unsqueeze(2).unsqueeze(3);
      u = beta * (u - (k * state).sum(2, /*keepdim=*/true));
    }
    state = state + k * u;
    outs.push_back(call.scale * ask(call.q.narrow(2, t, 1), state));
  }
  if (outs.empty()) outs.push_back(ask(call.q, state));
  return {at::cat(outs, 2), state};
}

LinearResult linear_of_all(const LinearCall& call) {
  const auto state = first_state(call) + at::matmul(call.k.transpose(2, 3), call.v);
  return {call.scale * ask(call.q, state), state};
}

}  // namespace ops

LinearResult linear_attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const LinearAttention& how, const LinearInputs& inputs) {
  const auto plan = ops::plan_linear(q, k, v, how, inputs);
  return ops::finished(
      plan, plan.causal ? ops::linear_by_formula(plan.call) : ops::linear_of_all(plan.call));
}

}  // namespace heed
