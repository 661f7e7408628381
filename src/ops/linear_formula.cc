// The readable formula of linear attention, in LibTorch's own operators: any device, any number of
// derivatives.
#include "ops/linear_call.h"
#include "ops/linear_heads.h"

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

/// Rows of a product at once: what is summed over them, here or backward, is then a sum of such
/// sums, and not one chain of additions as long as the sequence.
constexpr int64_t kRowsAtOnce = 128;

/// x (..., L, D) as (..., n, kRowsAtOnce, D) and the rows that are left over.
std::pair<at::Tensor, at::Tensor> in_pieces(const at::Tensor& x) {
  const int64_t L = x.size(-2), n = L / kRowsAtOnce;
  return {x.narrow(-2, 0, n * kRowsAtOnce).unflatten(-2, {n, kRowsAtOnce}),
          x.narrow(-2, n * kRowsAtOnce, L - n * kRowsAtOnce)};
}

/// a^T b of a (..., L, D), b (..., L, E).
at::Tensor sum_of_products(const at::Tensor& a, const at::Tensor& b) {
  const auto [a_pieces, a_rest] = in_pieces(a);
  const auto [b_pieces, b_rest] = in_pieces(b);
  const auto rest = at::matmul(a_rest.transpose(-1, -2), b_rest);
  if (a_pieces.size(-3) == 0) return rest;
  return at::matmul(a_pieces.transpose(-1, -2), b_pieces).sum(-3) + rest;
}

/// q (..., L, D) state (..., D, E).
at::Tensor asked(const at::Tensor& q, const at::Tensor& state) {
  const auto [pieces, rest] = in_pieces(q);
  const auto of_rest = at::matmul(rest, state);
  if (pieces.size(-3) == 0) return of_rest;
  const auto of_pieces = at::matmul(pieces, state.unsqueeze(-3));
  return at::cat({of_pieces.flatten(-3, -2), of_rest}, -2);
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
  std::vector<at::Tensor> inputs = {call.k, call.v};
  if (call.state.defined()) inputs.push_back(call.state);
  const auto state = by_heads(inputs, [](const auto& x) {
    const auto sum = sum_of_products(x[0], x[1]);
    return x.size() > 2 ? x[2] + sum : sum;
  });  // (B, G, D, E)
  const int64_t H = call.q.size(1), G = state.size(1);
  const auto q = call.q.unflatten(1, {G, G == 0 ? 0 : H / G});  // (B, G, H / G, Lq, D)
  const auto out = by_heads({q, state.unsqueeze(2)}, [scale = call.scale](const auto& x) {
    return scale * asked(x[0], x[1]);
  });
  return {out.flatten(1, 2), state};
}

}  // namespace ops

LinearResult linear_attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const LinearAttention& how, const LinearInputs& inputs) {
  const ops::LinearOperands given(q, k, v);
  const auto plan = ops::plan_linear(given.q, given.k, given.v, how, inputs);
  return ops::finished(
      plan, plan.causal ? ops::linear_by_formula(plan.call) : ops::linear_of_all(plan.call));
}

}  // namespace heed
