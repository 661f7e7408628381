// Chooses who computes a call of linear_attend, and joins it to autograd:
//   CPU           the kernels
//   elsewhere     the formula
//   meta          shapes alone
// Second derivatives always go through the formula.
#include <new>

#include "heed/core/error.h"
#include "kernels/linear.h"
#include "ops/linear_call.h"
#include "ops/torch_version.h"
#include "ops/view.h"

namespace heed {
namespace ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = TorchOptional<at::Tensor>;

constexpr int kLinearInputs = 6;  // q, k, v, log_decay, beta, state

/// What the kernels leave: with the states at which chunks start where backward will want them.
struct LinearComputed {
  at::Tensor out, state, starts;
};

/// Runs on the dtype of the computation: body(float()) or body(double()).
template <class Body>
void with_linear_type(const LinearCall& call, Body&& body) {
  try {
    call.q.scalar_type() == at::kDouble ? body(double()) : body(float());
  } catch (const std::bad_alloc&) {
    throw Error(Failure::memory,
                "linear_attend: not enough memory for the kernel's buffers; q is " +
                    c10::str(call.q.sizes()) + ", v is " + c10::str(call.v.sizes()));
  }
}

template <class T>
kernels::LinearProblem<T> problem_of(const LinearCall& call, const at::Tensor& beta,
                                     const at::Tensor& state, int64_t chunk) {
  kernels::LinearProblem<T> p;
  p.B = call.q.size(0), p.H = call.q.size(1), p.G = call.k.size(1), p.L = call.k.size(2);
  p.D = call.k.size(3), p.E = call.v.size(3);
  p.q = view_of<const T>(call.q), p.k = view_of<const T>(call.k), p.v = view_of<const T>(call.v);
  p.log_decay = view_of<const T>(call.log_decay);
  p.beta = view_of<const T>(beta);
  if (state.defined()) p.initial = state.data_ptr<T>();
  if (call.log_decay.defined())
    p.decay =
        call.log_decay.size(3) == p.D && p.D > 1 ? kernels::Decay::channel : kernels::Decay::head;
  p.delta = call.beta.defined();
  p.scale = static_cast<T>(call.scale);
  p.chunk = chunk;
  return p;
}

at::Tensor as_column(const at::Tensor& beta) { return beta.defined() ? beta.unsqueeze(3) : beta; }
at::Tensor plain(const at::Tensor& t) { return t.defined() ? t.contiguous() : t; }

/// Empty (B, H, L, E), laid out as q: what was split from (B, L, H D) merges again without a copy.
at::Tensor empty_out(const LinearCall& call) {
  const int64_t B = call.q.size(0), H = call.q.size(1), L = call.q.size(2), E = call.v.size(3);
  if (call.q.stride(1) < call.q.stride(2))
    return at::empty({B, L, H, E}, call.q.options()).transpose(1, 2);
  return at::empty({B, H, L, E}, call.q.options());
}

LinearComputed by_linear_kernels(const LinearCall& call, int64_t chunk, bool keep_starts) {
  const int64_t B = call.k.size(0), G = call.k.size(1), L = call.k.size(2), D = call.k.size(3);
  const int64_t E = call.v.size(3), chunks = (L + chunk - 1) / chunk;
  LinearComputed result{empty_out(call), at::empty({B, G, D, E}, call.q.options()), {}};
  if (keep_starts) result.starts = at::empty({B, G, chunks, D, E}, call.q.options());
  const auto beta = as_column(call.beta), state = plain(call.state);
  with_linear_type(call, [&](auto type) {
    using T = decltype(type);
    kernels::linear_forward(problem_of<T>(call, beta, state, chunk), view_of<T>(result.out),
                            keep_starts ? result.starts.template data_ptr<T>() : nullptr,
                            result.state.template data_ptr<T>());
  });
  return result;
}

LinearComputed by_linear_shape(const LinearCall& call) {
  return {
      empty_out(call),
      at::empty({call.k.size(0), call.k.size(1), call.k.size(3), call.v.size(3)}, call.k.options()),
      {}};
}

using LinearGrads = std::array<at::Tensor, kLinearInputs>;

LinearGrads linear_kernel_gradients(const LinearCall& call, const at::Tensor& starts,
                                    const at::Tensor& grad_out, const at::Tensor& grad_last) {
  LinearGrads grads;
  const at::Tensor* inputs[] = {&call.q,         &call.k,    &call.v,
                                &call.log_decay, &call.beta, &call.state};
  for (int i = 0; i < kLinearInputs; ++i)
    if (inputs[i]->defined() && inputs[i]->requires_grad())
      grads[i] = at::empty(inputs[i]->sizes(), inputs[i]->options());
  const auto out =
      grad_out.defined()
          ? grad_out
          : at::zeros({1}, call.q.options())
                .expand({call.q.size(0), call.q.size(1), call.q.size(2), call.v.size(3)});
  const auto beta = as_column(call.beta), grad_beta = as_column(grads[4]);
  const auto state = plain(call.state), from_last = plain(grad_last);
  with_linear_type(call, [&](auto type) {
    using T = decltype(type);
    const kernels::LinearGradients<T> to{
        view_of<T>(grads[0]),  view_of<T>(grads[1]),
        view_of<T>(grads[2]),  view_of<T>(grads[3]),
        view_of<T>(grad_beta), grads[5].defined() ? grads[5].template data_ptr<T>() : nullptr};
    kernels::linear_backward(problem_of<T>(call, beta, state, kernels::kLinearChunk),
                             starts.data_ptr<T>(), view_of<const T>(out),
                             from_last.defined() ? from_last.template data_ptr<T>() : nullptr, to);
  });
  return grads;
}

/// Gradients that can be differentiated again.
LinearGrads linear_formula_gradients(LinearCall call, const at::Tensor& grad_out,
                                     const at::Tensor& grad_last) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  // Views, so that the graph from here to the results starts at these and not behind the call's
  // inputs.
  at::Tensor* inputs[] = {&call.q, &call.k, &call.v, &call.log_decay, &call.beta, &call.state};
  variable_list asked, results, weights;
  for (auto* input : inputs)
    if (input->defined() && input->requires_grad())
      asked.push_back(*input = input->view_as(*input));
  const auto computed = linear_by_formula(call);
  if (grad_out.defined() && computed.out.requires_grad())
    results.push_back(computed.out), weights.push_back(grad_out);
  if (grad_last.defined() && computed.state.requires_grad())
    results.push_back(computed.state), weights.push_back(grad_last);
  LinearGrads grads;
  if (results.empty()) return grads;
  const auto found = torch::autograd::grad(results, asked, weights, /*retain_graph=*/true,
                                           /*create_graph=*/true, /*allow_unused=*/true);
  size_t next = 0;
  for (int i = 0; i < kLinearInputs; ++i)
    if (inputs[i]->defined() && inputs[i]->requires_grad()) grads[i] = found[next++];
  return grads;
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v, const OptionalTensor& log_decay,
                               const OptionalTensor& beta, const OptionalTensor& state,
                               double scale) {
    const LinearCall call = joined({q, k, v, log_decay.value_or(at::Tensor()),
                                    beta.value_or(at::Tensor()), state.value_or(at::Tensor())},
                                   scale);
    const auto result =
        q.is_meta() ? by_linear_shape(call) : by_linear_kernels(call, kernels::kLinearChunk, true);
    ctx->saved_data["scale"] = scale;
    ctx->save_for_backward(
        {call.q, call.k, call.v, call.log_decay, call.beta, call.state, result.starts});
    ctx->set_materialize_grads(false);
    return {result.out, result.state};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_results) {
    const auto tensors = ctx->get_saved_variables();
    const auto call = joined(tensors, ctx->saved_data["scale"].toDouble());
    const auto grads = gradients(call, tensors[6], grad_results[0], grad_results[1]);
    return {grads[0], grads[1], grads[2], grads[3], grads[4], grads[5], at::Tensor()};
  }

 private:
  static LinearCall joined(const variable_list& t, double scale) {
    return {t[0], t[1], t[2], t[3], t[4], t[5], scale};
  }

  static LinearGrads gradients(const LinearCall& call, const at::Tensor& starts,
                               const at::Tensor& grad_out, const at::Tensor& grad_last) {
    if (!grad_out.defined() && !grad_last.defined()) return {};
    if (call.q.is_meta()) {
      const at::Tensor all[] = {call.q, call.k, call.v, call.log_decay, call.beta, call.state};
      LinearGrads grads;
      for (int i = 0; i < kLinearInputs; ++i)
        if (all[i].defined()) grads[i] = at::empty_like(all[i]);
      return grads;
    }
    if (torch::GradMode::is_enabled()) return linear_formula_gradients(call, grad_out, grad_last);
    return linear_kernel_gradients(call, starts, grad_out, grad_last);
  }
};

bool wants_linear_gradient(const LinearCall& call) {
  const auto asks = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  return torch::GradMode::is_enabled() &&
         (asks(call.q) || asks(call.k) || asks(call.v) || asks(call.log_decay) || asks(call.beta) ||
          asks(call.state));
}

LinearResult run_linear(const LinearCall& call, int64_t chunk) {
  if (!call.q.is_cpu() && !call.q.is_meta()) return linear_by_formula(call);
  if (wants_linear_gradient(call)) {
    const auto given = [](const at::Tensor& t) {
      return t.defined() ? OptionalTensor(t) : OptionalTensor();
    };
    const auto results = LinearFunction::apply(call.q, call.k, call.v, given(call.log_decay),
                                               given(call.beta), given(call.state), call.scale);
    return {results[0], results[1]};
  }
  const auto result =
      call.q.is_meta() ? by_linear_shape(call) : by_linear_kernels(call, chunk, false);
  return {result.out, result.state};
}

}  // namespace
}  // namespace ops

LinearResult linear_attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const LinearAttention& how, const LinearInputs& inputs) {
  const ops::LinearOperands given(q, k, v);
  const auto plan = ops::plan_linear(given.q, given.k, given.v, how, inputs);
  return ops::finished(plan, plan.causal ? ops::run_linear(plan.call, kernels::kLinearChunk)
                                         : ops::linear_of_all(plan.call));
}

LinearResult linear_attend_step(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const LinearAttention& how, const LinearInputs& inputs) {
  if (!how.causal) throw UsageError("linear_attend_step: how.causal: expected true, given false");
  const torch::NoGradGuard no_gradient;
  const ops::LinearOperands given(q, k, v);
  const auto plan = ops::plan_linear(given.q, given.k, given.v, how, inputs);
  return ops::finished(plan, ops::run_linear(plan.call, 1));
}

}  // namespace heed
