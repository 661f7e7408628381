// Chooses who computes a call, and joins it to autograd:
//   CPU           the tile kernels
//   elsewhere     LibTorch's own fused attention where it can, else the formula
//   meta          shapes alone
// Second derivatives always go through the formula.
#include "heed/ops/attend.h"

#include "core/threads.h"
#include "ops/call.h"
#include "ops/kernel_call.h"
#include "ops/libtorch_call.h"
#include "ops/torch_version.h"

namespace heed {
namespace ops {
namespace {

// Whoever computes attention through LibTorch shares its threads: see heed::set_num_threads.
[[maybe_unused]] const bool kThreadsJoined =
    (detail::follow_num_threads([](int threads) { at::set_num_threads(threads); }), true);

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

Attended by_shape(const Call& call) {
  const auto& s = call.scene.sizes;
  Attended result;
  result.out = at::empty({s.B, s.H, s.Lq, s.E}, call.q.options());
  result.rows = at::empty({s.B, s.H, s.Lq}, call.q.options().dtype(call.compute));
  return result;
}

/// LibTorch's fused attention with its graph, so that its backward can be run later.
struct LibTorchGraph {
  std::array<at::Tensor, 4> leaves;  ///< q, k, v, bias
  at::Tensor out;
};

/// What backward needs of a call beside the saved tensors.
struct SavedCall : torch::CustomClassHolder {
  Call call;  ///< without tensors
  LibTorchGraph graph;
};

LibTorchGraph record_libtorch(Call call) {
  const torch::AutoGradMode record(true);
  LibTorchGraph graph;
  at::Tensor* inputs[] = {&call.q, &call.k, &call.v, &call.scene.bias};
  for (int i = 0; i < 4; ++i) {
    if (!inputs[i]->defined()) continue;
    graph.leaves[i] = inputs[i]->detach().requires_grad_(inputs[i]->requires_grad());
    *inputs[i] = graph.leaves[i];
  }
  graph.out = by_libtorch(call);
  return graph;
}

/// The gradients of the wanted inputs, from a graph that leads from them to `out`.
std::array<at::Tensor, 4> graph_gradients(const at::Tensor& out,
                                          const std::array<at::Tensor, 4>& inputs,
                                          const at::Tensor& grad_out,
                                          const std::array<bool, 4>& wanted, bool differentiable) {
  variable_list asked;
  for (int i = 0; i < 4; ++i)
    if (wanted[i]) asked.push_back(inputs[i]);
  const auto found = torch::autograd::grad({out}, asked, {grad_out}, /*retain_graph=*/true,
                                           /*create_graph=*/differentiable, /*allow_unused=*/true);
  std::array<at::Tensor, 4> grads;
  for (int i = 0, next = 0; i < 4; ++i)
    if (wanted[i]) grads[i] = found[next++];
  return grads;
}

/// Gradients that can be differentiated again.
std::array<at::Tensor, 4> formula_gradients(Call call, const at::Tensor& grad_out,
                                            const std::array<bool, 4>& wanted) {
  // Views, so that the graph from here to the output starts at these and not behind the call's
  // inputs.
  at::Tensor* inputs[] = {&call.q, &call.k, &call.v, &call.scene.bias};
  std::array<at::Tensor, 4> starts;
  for (int i = 0; i < 4; ++i)
    if (wanted[i]) starts[i] = *inputs[i] = inputs[i]->view_as(*inputs[i]);
  return graph_gradients(by_formula(call, false).out, starts, grad_out, wanted, true);
}

class AttendFunction : public torch::autograd::Function<AttendFunction> {
 public:
  static variable_list forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                               const at::Tensor& v, const TorchOptional<at::Tensor>& bias,
                               const Call& call) {
    auto saved = c10::make_intrusive<SavedCall>();
    const bool on_cpu = q.is_cpu(), on_meta = q.is_meta();
    if (!on_cpu && !on_meta) saved->graph = record_libtorch(call);
    Attended result = on_cpu    ? by_kernels(call)
                      : on_meta ? by_shape(call)
                                : Attended{saved->graph.out.detach(), {}, {}};
    const auto out = result.out.to(q.scalar_type());
    ctx->save_for_backward({q, k, v, bias.value_or(at::Tensor()), call.scene.mask,
                            call.scene.lengths, result.out, result.rows});
    saved->call = call;
    saved->call.q = saved->call.k = saved->call.v = at::Tensor();
    saved->call.scene.bias = saved->call.scene.mask = saved->call.scene.lengths = at::Tensor();
    ctx->saved_data["call"] = at::IValue::make_capsule(std::move(saved));
    if (!result.rows.defined()) return {out};
    ctx->mark_non_differentiable({result.rows});
    return {out, result.rows};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    const auto tensors = ctx->get_saved_variables();
    const auto holder = ctx->saved_data["call"].toCapsule();
    const auto& saved = static_cast<const SavedCall&>(*holder);
    Call call = saved.call;
    call.q = tensors[0], call.k = tensors[1], call.v = tensors[2];
    call.scene.bias = tensors[3], call.scene.mask = tensors[4], call.scene.lengths = tensors[5];
    std::array<bool, 4> wanted{};
    for (int i = 0; i < 4; ++i)
      wanted[i] = (i < 3 || call.scene.bias.defined()) && ctx->needs_input_grad(i);

    const auto grads = gradients(call, saved.graph, tensors[6], tensors[7], grad_outs[0], wanted);
    return {grads[0], grads[1], grads[2], grads[3], at::Tensor()};
  }

 private:
  static std::array<at::Tensor, 4> gradients(const Call& call, const LibTorchGraph& graph,
                                             const at::Tensor& out, const at::Tensor& rows,
                                             const at::Tensor& grad_out,
                                             const std::array<bool, 4>& wanted) {
    if (call.q.is_meta()) {
      const at::Tensor* inputs[] = {&call.q, &call.k, &call.v, &call.scene.bias};
      std::array<at::Tensor, 4> grads;
      for (int i = 0; i < 4; ++i)
        if (wanted[i]) grads[i] = at::empty_like(*inputs[i]);
      return grads;
    }
    if (torch::GradMode::is_enabled()) return formula_gradients(call, grad_out, wanted);
    if (!call.q.is_cpu()) return graph_gradients(graph.out, graph.leaves, grad_out, wanted, false);
    return kernel_gradients(call, out, rows, grad_out, wanted);
  }
};

bool wants_gradient(const Call& call) {
  const auto asks = [](const at::Tensor& t) { return t.defined() && t.requires_grad(); };
  return torch::GradMode::is_enabled() &&
         (asks(call.q) || asks(call.k) || asks(call.v) || asks(call.scene.bias));
}

Attended run(const Call& call, bool want_rows) {
  const bool on_cpu = call.q.is_cpu(), on_meta = call.q.is_meta();
  // LibTorch's attention keeps its number a row to itself.
  if (!on_cpu && !on_meta && (want_rows || !libtorch_can(call))) return by_formula(call, want_rows);
  Attended result;
  if (wants_gradient(call)) {
    TorchOptional<at::Tensor> bias;
    if (call.scene.bias.defined()) bias = call.scene.bias;
    const auto outputs = AttendFunction::apply(call.q, call.k, call.v, bias, call);
    result.out = outputs[0];
    if (outputs.size() > 1) result.rows = outputs[1];
    return result;
  }
  if (on_meta) return by_shape(call);
  if (!on_cpu) return {by_libtorch(call), {}, {}};
  result = by_kernels(call);
  result.out = result.out.to(call.q.scalar_type());
  return result;
}

}  // namespace
}  // namespace ops

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Attention& how, const AttendInputs& inputs) {
  return ops::run(ops::checked(q, k, v, how, inputs), false).out;
}

std::tuple<at::Tensor, at::Tensor> attend_with_rows(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v, const Attention& how,
                                                    const AttendInputs& inputs) {
  auto result = ops::run(ops::checked(q, k, v, how, inputs), true);
  return {result.out, result.rows};
}

}  // namespace heed
