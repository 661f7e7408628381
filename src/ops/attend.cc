// Chooses who computes a call, and joins it to autograd:
//   CPU           the tile kernels, or the formula block by block where a word has no stage
//   elsewhere     LibTorch's own fused attention where it can, else the formula
//   meta          shapes alone
// Second derivatives always go through the formula.
#include "heed/ops/attend.h"

#include "core/threads.h"
#include "heed/core/error.h"
#include "heed/ops/specs.h"
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

/// What a caller asks for beside the output.
enum class Beside { nothing, logsumexp, row_stats };

at::Tensor beside_output(const Attended& result, Beside wanted) {
  return wanted == Beside::logsumexp ? result.logsumexp : result.row_stats;
}

Attended by_shape(const Call& call) {
  const auto& s = call.context.sizes;
  Attended result;
  result.out = at::empty({s.B, s.H, s.Lq, s.E}, call.q.options());
  const auto options = call.q.options().dtype(call.compute);
  result.row_stats = at::empty({2, s.B, s.H, s.Lq}, options);
  result.logsumexp = at::empty({s.B, s.H, s.Lq}, options);
  return result;
}

/// LibTorch's fused attention with its graph, so that its backward can be run later.
struct LibTorchGraph {
  std::vector<at::Tensor> leaves;  ///< as differentiable() lists them
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
  for (auto* input : differentiable(call)) {
    *input = input->detach().requires_grad_(input->requires_grad());
    graph.leaves.push_back(*input);
  }
  graph.out = by_libtorch(call);
  return graph;
}

/// The gradients of the wanted inputs, from a graph that leads from them to `out`.
std::vector<at::Tensor> graph_gradients(const at::Tensor& out,
                                        const std::vector<at::Tensor>& inputs,
                                        const at::Tensor& grad_out, const std::vector<bool>& wanted,
                                        bool differentiable) {
  variable_list asked;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (wanted[i]) asked.push_back(inputs[i]);
  const auto found = torch::autograd::grad({out}, asked, {grad_out}, /*retain_graph=*/true,
                                           /*create_graph=*/differentiable, /*allow_unused=*/true);
  std::vector<at::Tensor> grads(inputs.size());
  for (size_t i = 0, next = 0; i < inputs.size(); ++i)
    if (wanted[i]) grads[i] = found[next++];
  return grads;
}

/// Gradients that can be differentiated again.
std::vector<at::Tensor> formula_gradients(Call call, const at::Tensor& grad_out,
                                          const std::vector<bool>& wanted) {
  // Views, so that the graph from here to the output starts at these and not behind the call's
  // inputs.
  std::vector<at::Tensor> starts;
  for (auto* input : differentiable(call)) {
    if (wanted[starts.size()]) *input = input->view_as(*input);
    starts.push_back(*input);
  }
  return graph_gradients(by_formula(call, false).out, starts, grad_out, wanted, true);
}

/// What the call reads beside its differentiable inputs.
std::vector<at::Tensor*> companions(Call& call) {
  auto& context = call.context;
  return {&context.attn_mask, &context.key_lengths, &context.segment_ids, &context.block_mask};
}

class AttendFunction : public torch::autograd::Function<AttendFunction> {
 public:
  /// `inputs` are those of `call`, in the order of differentiable().
  static variable_list forward(AutogradContext* ctx, at::TensorList inputs, const Call& call,
                               Beside wanted) {
    auto saved = c10::make_intrusive<SavedCall>();
    const bool on_cpu = inputs[0].is_cpu(), on_meta = inputs[0].is_meta();
    if (!on_cpu && !on_meta) saved->graph = record_libtorch(call);
    Attended result = on_cpu    ? on_cpu_tensors(call, wanted == Beside::logsumexp)
                      : on_meta ? by_shape(call)
                                : Attended{saved->graph.out.detach(), {}, {}, {}};
    const auto out = result.out.to(inputs[0].scalar_type());
    saved->call = call;
    variable_list tensors = {result.out, result.row_stats};
    for (auto* t : companions(saved->call)) tensors.push_back(*t), *t = at::Tensor();
    tensors.insert(tensors.end(), inputs.begin(), inputs.end());
    for (auto* t : differentiable(saved->call)) *t = place();
    ctx->save_for_backward(tensors);
    ctx->saved_data["call"] = at::IValue::make_capsule(std::move(saved));
    if (wanted == Beside::nothing) return {out};
    const auto beside = beside_output(result, wanted);
    ctx->mark_non_differentiable({beside});
    return {out, beside};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grad_outs) {
    const auto tensors = ctx->get_saved_variables();
    const auto holder = ctx->saved_data["call"].toCapsule();
    const auto& saved = static_cast<const SavedCall&>(*holder);
    Call call = saved.call;
    size_t next = 2;
    for (auto* t : companions(call)) *t = tensors[next++];
    std::vector<bool> wanted;
    for (auto* t : differentiable(call)) {
      *t = tensors[next++];
      wanted.push_back(ctx->needs_input_grad(wanted.size()));
    }
    auto grads = gradients(call, saved.graph, tensors[0], tensors[1], grad_outs[0], wanted);
    // What plays no part has a gradient, too.
    const auto inputs = differentiable(call);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (wanted[i] && !grads[i].defined()) grads[i] = at::zeros_like(*inputs[i]);
    grads.resize(grads.size() + 2);  // of the call and of what is wanted beside
    return grads;
  }

 private:
  /// Stands where a tensor will be put back, so that differentiable() lists it.
  static at::Tensor place() { return at::empty({0}); }

  static variable_list gradients(const Call& call, const LibTorchGraph& graph,
                                 const at::Tensor& out, const at::Tensor& row_stats,
                                 const at::Tensor& grad_out, const std::vector<bool>& wanted) {
    if (call.q.is_meta()) {
      const auto inputs = differentiable(call);
      variable_list grads(inputs.size());
      for (size_t i = 0; i < inputs.size(); ++i)
        if (wanted[i]) grads[i] = at::empty_like(inputs[i]);
      return grads;
    }
    if (torch::GradMode::is_enabled()) return formula_gradients(call, grad_out, wanted);
    if (!call.q.is_cpu()) return graph_gradients(graph.out, graph.leaves, grad_out, wanted, false);
    return cpu_gradients(call, out, row_stats, grad_out, wanted);
  }
};

bool want_gradient(const std::vector<at::Tensor>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const at::Tensor& t) { return t.requires_grad(); });
}

/// The output, and what is wanted beside it.
std::pair<at::Tensor, at::Tensor> run(const Call& call, Beside wanted) {
  const bool on_cpu = call.q.is_cpu(), on_meta = call.q.is_meta(),
             alone = wanted == Beside::nothing;
  // LibTorch's attention keeps its row statistics to itself.
  if (!on_cpu && !on_meta && (!alone || !libtorch_can(call))) {
    const auto result = by_formula(call, !alone);
    return {result.out, beside_output(result, wanted)};
  }
  const auto inputs =
      torch::GradMode::is_enabled() ? differentiable(call) : std::vector<at::Tensor>();
  if (want_gradient(inputs)) {
    const auto outputs = AttendFunction::apply(at::TensorList(inputs), call, wanted);
    return {outputs[0], alone ? at::Tensor() : outputs[1]};
  }
  if (!on_cpu && !on_meta) return {by_libtorch(call), {}};
  const auto result = on_meta ? by_shape(call) : on_cpu_tensors(call, wanted == Beside::logsumexp);
  return {result.out.to(call.q.scalar_type()), beside_output(result, wanted)};
}

}  // namespace
}  // namespace ops

Attention AttendOptions::attention() const {
  Attention how;
  if (scale) how.score = *scale == 0 ? specs::uniform() : specs::scaled_dot(*scale);
  if (softcap) how.modifiers.push_back(specs::softcap(*softcap));
  if (causal) how.masks.push_back(specs::causal());
  if (window) {
    if (*window < 0)
      throw UsageError("attend: window: expected at least 0, given " + std::to_string(*window) +
                       "; leave it out to see all keys");
    how.masks.push_back(specs::window(*window, causal ? 0 : *window));
  }
  how.dropout = dropout_p;
  return how;
}

AttendInputs AttendOptions::inputs() const {
  AttendInputs given;
  given.attn_mask = attn_mask, given.bias = bias, given.key_lengths = key_lengths;
  given.training = dropout_p > 0;
  given.seed = seed, given.query_offset = query_offset;
  return given;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Attention& how, const AttendInputs& inputs) {
  return ops::run(ops::checked_operator(q, k, v, how, inputs), ops::Beside::nothing).first;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const AttendOptions& options) {
  return attend(q, k, v, options.attention(), options.inputs());
}

std::tuple<at::Tensor, at::Tensor> attend_with_logsumexp(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v,
                                                         const AttendOptions& options) {
  return attend_with_logsumexp(q, k, v, options.attention(), options.inputs());
}

std::tuple<at::Tensor, at::Tensor> attend_with_logsumexp(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v, const Attention& how,
                                                         const AttendInputs& inputs) {
  return ops::run(ops::checked_operator(q, k, v, how, inputs), ops::Beside::logsumexp);
}

std::tuple<at::Tensor, at::Tensor> attend_with_row_stats(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v, const Attention& how,
                                                         const AttendInputs& inputs) {
  return ops::run(ops::checked_operator(q, k, v, how, inputs), ops::Beside::row_stats);
}

}  // namespace heed
