// Features without their size. exp(w . y - |y|^2 / 2) is below every number in float32 for vectors
// of ordinary length, and so is a product of two such features, though the quotient that they end
// in is not. So each channel i of a state is kept divided by exp(m_i), where m_i is the largest
// logarithm of that channel among the keys so far:
//
//   k_ti = exp(log phi(k_t)_i - m_ti),   q_ti = exp(log phi(q_t)_i + m_ti - r_t)
//
// r_t is the largest of its row. All are at most 1, and in the channel where q_t is 1 some key is,
// too: what is divided by is never small. As m grows the state shrinks, which is the gated rule
// with log decays m_{t-1} - m_t a channel, so the kernels know nothing of it; later keys change
// nothing before them. m and r cancel and so have no gradient.
//
// Where all features are moderate they are taken as they are: no decay, and m = 0.
#include "ops/linear_features.h"
#include "ops/linear_heads.h"

namespace heed::ops {
namespace {

using TensorList = std::vector<at::Tensor>;

constexpr double kNothing = -std::numeric_limits<double>::infinity();

/// Logarithms between which features, products of two of them and their gradients are all numbers.
struct Moderate {
  double least, most;
};
Moderate moderate(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? Moderate{-300, 150} : Moderate{-40, 20};
}

/// False of NaN, too.
bool is_moderate(const at::Tensor& logs) {
  if (logs.is_meta() || logs.numel() == 0) return true;
  const auto [least, most] = moderate(logs);
  const auto [smallest, largest] = at::aminmax(logs.detach());
  return smallest.item<double>() >= least && largest.item<double>() <= most;
}

/// Of what elu is taken of: below 0 it is its own logarithm, above nothing grows out of bounds.
bool is_moderate_for_elu(const at::Tensor& x) {
  if (x.is_meta() || x.numel() == 0) return true;
  return x.detach().amin().item<double>() >= moderate(x).least;
}

/// (B, H, L, n) -> (B, G, H / G, L, n)
at::Tensor grouped(const at::Tensor& x, int64_t groups) {
  return x.unflatten(1, {groups, groups == 0 ? 0 : x.size(1) / groups});
}

/// The state before the first step, each channel divided by exp(log) (B, G, D, 1), -inf of an empty
/// channel; undefined where none is given.
struct FirstState {
  at::Tensor rows, log;
};

FirstState first_state(const LinearPlan& plan) {
  const auto& given = plan.call.state;
  if (!given.defined()) return {};
  const int64_t columns = plan.call.v.size(3);
  if (plan.scaled_state) {
    const auto rows = given.narrow(3, 0, columns), log = given.narrow(3, columns, 1).detach();
    const auto seen = given.detach().narrow(3, columns - 1, 1) != 0;  // z
    return {rows, at::where(seen, log, at::full_like(log, kNothing))};
  }
  // Larger factors than exp(80) are none in float32.
  const auto size = given.detach().abs().amax(3, /*keepdim=*/true);
  const auto log = at::where(size > 0, size.log().clamp_min(-80), at::full_like(size, kNothing));
  return {given * same_exp(-log.clamp_min(-80)), log};
}

/// m (B, G, L, D) after each step: the largest log of the channel so far, less what decays.
at::Tensor running_maximum(const at::Tensor& logs, const at::Tensor& log_decay,
                           const at::Tensor& first) {
  const torch::NoGradGuard no_gradient;
  TensorList inputs = {logs};
  if (log_decay.defined()) inputs.push_back(log_decay);
  if (first.defined()) inputs.push_back(first.transpose(2, 3));
  const bool decays = log_decay.defined(), starts = first.defined();
  return by_heads(inputs, [=](const TensorList& x) {
    auto m = x[0];
    at::Tensor fall;
    if (decays) m = m - (fall = x[1].to(at::kDouble).clamp_min(-1000).cumsum(-2));
    if (starts) m = at::cat({x.back().to(m.scalar_type()), m}, -2);
    m = std::get<0>(m.cummax(-2));
    if (starts) m = m.narrow(-2, 1, m.size(-2) - 1);
    if (decays) m = m + fall;
    return m.to(x[0].scalar_type()).clamp_min(-1e30);  // finite before the first key that is not 0
  });
}

/// What each step takes from the logarithm of the state, where m is all that it changes by.
at::Tensor rise(const at::Tensor& m, const at::Tensor& first) {
  auto start = m.narrow(2, 0, 1);
  if (first.defined()) {
    const auto log = first.transpose(2, 3);
    start = at::where(log == kNothing, start, log);
  }
  return at::cat({start, m.narrow(2, 0, m.size(2) - 1)}, 2) - m;
}

/// Queries ask channels of size exp(m) (B, G, L or 1, D).
void scale_queries(LinearPlan& plan, const at::Tensor& logs, const at::Tensor& m) {
  const auto of_group = grouped(logs, m.size(1)), shift = m.unsqueeze(2);  // (B, G, H / G, L, D)
  const auto largest = (of_group.detach() + shift).amax(-1, /*keepdim=*/true);
  plan.call.q = same_exp(of_group + shift - largest).flatten(1, 2);
  if (!plan.normalize) plan.out_log = largest.flatten(1, 2);
}

void scale_causal(LinearPlan& plan, const at::Tensor& logs_q, const at::Tensor& logs_k) {
  auto& call = plan.call;
  const auto first = first_state(plan);
  const auto m = running_maximum(logs_k, call.log_decay, first.log);
  const auto taken = rise(m, first.log);
  call.log_decay = call.log_decay.defined() ? call.log_decay + taken : taken;
  call.state = first.rows;
  call.k = same_exp(logs_k - m);
  scale_queries(plan, logs_q, m);
  plan.state_log = m.narrow(2, m.size(2) - 1, 1).transpose(2, 3);
}

void scale_all(LinearPlan& plan, const at::Tensor& logs_q, const at::Tensor& logs_k) {
  auto& call = plan.call;
  const auto first = first_state(plan);
  auto m = logs_k.detach().amax(2, /*keepdim=*/true);
  if (first.log.defined()) m = at::maximum(m, first.log.transpose(2, 3));
  m = m.clamp_min(-1e30);
  call.k = same_exp(logs_k - m);
  plan.state_log = m.transpose(2, 3);
  if (first.log.defined()) call.state = first.rows * same_exp(first.log - plan.state_log);
  scale_queries(plan, logs_q, m);
}

/// Of a given state that is scaled.
at::Tensor logs_of_state(const LinearPlan& plan) {
  const auto first = first_state(plan);
  return first.log.defined() && plan.scaled_state ? first.log.masked_fill(first.log == kNothing, 0)
                                                  : at::empty({0}, plan.call.q.options());
}

}  // namespace

void take_features(LinearPlan& plan, const LinearAttention& how) {
  auto& call = plan.call;
  const auto q = call.q, k = call.k, logs_of_first = logs_of_state(plan);
  at::Tensor logs_q, logs_k;
  const auto take_logs = [&] {
    logs_q = linear_logarithms(q, how, /*of_rows=*/plan.normalize);
    logs_k = linear_logarithms(k, how, /*of_rows=*/false);
  };
  const bool favor = how.feature == LinearFeature::favor;
  if (favor) take_logs();
  const bool plain =
      is_moderate(logs_of_first) && (favor ? is_moderate(logs_k) && is_moderate(logs_q)
                                           : is_moderate_for_elu(q) && is_moderate_for_elu(k));
  if (!plain) {
    if (!favor) take_logs();
    return plan.causal ? scale_causal(plan, logs_q, logs_k) : scale_all(plan, logs_q, logs_k);
  }
  call.q = favor ? same_exp(logs_q) : elu_features(q);
  call.k = favor ? same_exp(logs_k) : elu_features(k);
  if (!plan.scaled_state) return;
  if (call.state.defined())
    call.state = call.state.narrow(3, 0, call.v.size(3)) * same_exp(logs_of_first);
  plan.state_log = at::zeros({k.size(0), k.size(1), call.k.size(3), 1}, k.options());
}

}  // namespace heed::ops
