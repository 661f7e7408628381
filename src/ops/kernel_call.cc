#include "ops/kernel_call.h"

#include <new>

#include "heed/core/error.h"
#include "ops/make_mask.h"
#include "ops/product.h"
#include "ops/view.h"
#include "ops/zeros.h"

namespace heed::ops {
namespace {

template <class T>
void add_modifier(const OpSpec& op, const Operands& operands, Pipeline<T>& to) {
  const auto make = std::get<MakeModifier<T>>(definition(op.name).modifier);
  if (!make) return;
  if (auto modifier = make(op, operands)) to.add(std::move(modifier));
}

/// Runs on the dtype of the computation: body(float()) or body(double()).
template <class Body>
void with_type(const Call& call, Body&& body) {
  try {
    call.compute == at::kDouble ? body(double()) : body(float());
  } catch (const std::bad_alloc&) {
    throw Error(Failure::memory, "attend: not enough memory for the kernel's buffers; q is " +
                                     c10::str(call.q.sizes()) + ", k is " +
                                     c10::str(call.k.sizes()));
  }
}

/// Empty (B, H, Lq, E), laid out as q: what was split from (B, L, H D) merges again without a copy.
at::Tensor empty_output(const Call& call) {
  const auto& s = call.context.sizes;
  const auto options = call.q.options().dtype(call.compute);
  const bool heads_inside = call.q.stride(1) < call.q.stride(2);
  const int64_t Lq = call.q.size(2);
  if (heads_inside) return at::empty({s.B, Lq, s.H, s.E}, options).transpose(1, 2);
  return at::empty({s.B, s.H, Lq, s.E}, options);
}

/// Everything that has a gradient among the operands, and where it goes.
struct Slot {
  at::Tensor value;
  at::Tensor* grad;
};

std::vector<Slot> slots_of(Operands& operands, std::array<at::Tensor, 3>& grads) {
  std::vector<Slot> all = {
      {operands.q, &grads[0]}, {operands.k, &grads[1]}, {operands.v, &grads[2]}};
  for (auto& operand : operands.extra) all.push_back({operand.value, &operand.grad});
  return all;
}

}  // namespace

template <class T>
Pipeline<T> pipeline_of(const Call& call, const Operands& operands) {
  Pipeline<T> to;
  to.problem.sizes = operands.sizes();
  to.problem.sizes.G = operands.k.size(1), to.problem.sizes.D = operands.q.size(3);
  to.problem.q = view_of<const T>(operands.q), to.problem.k = view_of<const T>(operands.k);
  to.problem.v = view_of<const T>(operands.v);
  to.problem.dropout = call.dropout;
  to.problem.seed = operands.context.seed;
  to.problem.row = operands.context.row, to.problem.column = operands.context.column;
  for (const auto* op : {&call.how.score, &call.how.position, &call.how.normalizer})
    if (const auto build = std::get<Build<T>>(definition(op->name).build)) build(*op, operands, to);
  // Positions, modifiers, masks that learn: as the formula applies them.
  for (const auto* op : acting_ops(call.how)) add_modifier(*op, operands, to);
  for (const auto& op : call.how.masks) to.add(make_mask<T>(op, operands.context));
  return to;
}

template Pipeline<float> pipeline_of(const Call& call, const Operands& operands);
template Pipeline<double> pipeline_of(const Call& call, const Operands& operands);

Operands prepared(const Call& call) {
  Operands operands{.context = call.context,
                    .q = call.q.to(call.compute),
                    .k = call.k.to(call.compute),
                    .v = call.v.to(call.compute),
                    .extra = {}};
  auto& context = operands.context;
  for (auto* t : {&context.bias, &context.attn_mask})
    if (t->defined() && t->scalar_type() != at::kBool) *t = t->to(call.compute);
  for (auto& [name, tensor] : context.parameters) tensor = tensor.to(call.compute);
  const auto& s = context.sizes;
  if (context.attn_mask.defined())
    context.attn_mask = context.attn_mask.expand({s.B, s.H, s.Lq, s.Lk});
  if (context.block_mask.defined())
    context.block_mask = context.block_mask.expand({s.B, s.H, -1, -1});
  for (const auto* op : acting_ops(call.how))
    if (const auto prepare = definition(op->name).prepare) prepare(*op, operands);
  if (operands.k.size(1) != operands.v.size(1))
    operands.v = for_each_head(operands.v, operands.k.size(1));
  return operands;
}

template <class T>
kernels::RowStats<T> row_stats_of(const at::Tensor& row_stats) {
  T* first = row_stats.data_ptr<T>();
  return {first, first + row_stats.numel() / 2};
}

template kernels::RowStats<float> row_stats_of(const at::Tensor& row_stats);
template kernels::RowStats<double> row_stats_of(const at::Tensor& row_stats);

bool kernels_can(const Call& call) {
  for (const auto* op : acting_ops(call.how)) {
    const auto& defined = definition(op->name);
    const bool acts = defined.kind.role != OpKind::Role::position || defined.place;
    const bool has_stage = defined.prepare || std::get<0>(defined.build) ||
                           std::get<0>(defined.modifier) || std::get<0>(defined.mask);
    if (acts && (!has_stage || (defined.has_kernel && !defined.has_kernel(*op)))) return false;
  }
  return true;
}

// The formulas of words compute in the dtype of the computation, whatever autocast would have.
Attended on_cpu_tensors(const Call& call, bool want_logsumexp) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return kernels_can(call) ? by_kernels(call, want_logsumexp) : by_blocks(call, want_logsumexp);
}

std::vector<at::Tensor> cpu_gradients(const Call& call, const at::Tensor& out,
                                      const at::Tensor& row_stats, const at::Tensor& grad_out,
                                      const std::vector<bool>& wanted) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return kernels_can(call) ? kernel_gradients(call, out, row_stats, grad_out, wanted)
                           : block_gradients(call, grad_out, wanted);
}

Attended by_kernels(const Call& call, bool want_logsumexp) {
  const torch::NoGradGuard no_gradient;
  const Operands operands = prepared(call);
  const auto s = operands.sizes();
  Attended result;
  result.out = empty_output(call);
  result.row_stats = at::empty({2, s.B, s.H, s.Lq}, result.out.options());
  if (want_logsumexp) result.logsumexp = at::empty({s.B, s.H, s.Lq}, result.out.options());
  with_type(call, [&](auto type) {
    using T = decltype(type);
    const auto pipeline = pipeline_of<T>(call, operands);
    auto row_stats = row_stats_of<T>(result.row_stats);
    if (want_logsumexp) row_stats.logsumexp = result.logsumexp.template data_ptr<T>();
    kernels::attend_forward(pipeline.problem, view_of<T>(result.out), row_stats);
  });
  return result;
}

std::vector<at::Tensor> kernel_gradients(const Call& call, const at::Tensor& out,
                                         const at::Tensor& row_stats, const at::Tensor& grad_out,
                                         const std::vector<bool>& wanted) {
  Call recorded = call;
  std::vector<at::Tensor> inputs;
  for (auto* t : differentiable(recorded)) {
    *t = t->detach().requires_grad_(wanted[inputs.size()]);
    inputs.push_back(*t);
  }
  Operands operands;
  {
    const torch::AutoGradMode record(true);
    operands = prepared(recorded);
  }
  std::array<at::Tensor, 3> grads;
  const auto slots = slots_of(operands, grads);
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto value = slots[i].value.detach();
    // The kernels write the gradients of q, k and v and add to the others.
    if (slots[i].value.requires_grad())
      *slots[i].grad = i < 3 ? at::empty_like(value) : zeros_of(value);
  }
  const auto grad = grad_out.to(call.compute);
  with_type(call, [&](auto type) {
    using T = decltype(type);
    auto pipeline = pipeline_of<T>(call, operands);
    for (const auto& modifier : pipeline.modifiers)
      modifier->begin_backward(kernels::backward_chunks(pipeline.problem));
    auto& to = pipeline.gradients;
    to.q = view_of<T>(grads[0]), to.k = view_of<T>(grads[1]), to.v = view_of<T>(grads[2]);
    const auto of_rows = row_stats_of<T>(row_stats);
    kernels::attend_backward(pipeline.problem, view_of<const T>(out),
                             kernels::RowStats<const T>{of_rows.first, of_rows.second},
                             view_of<const T>(grad), to);
    for (const auto& modifier : pipeline.modifiers) modifier->end_backward();
  });
  std::vector<at::Tensor> results, of_results;
  for (const auto& slot : slots) {
    if (!slot.grad->defined()) continue;
    results.push_back(slot.value), of_results.push_back(*slot.grad);
  }
  return gradients_through(results, of_results, inputs);
}

std::vector<at::Tensor> gradients_through(const std::vector<at::Tensor>& results,
                                          const std::vector<at::Tensor>& grads,
                                          const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> found(inputs.size());
  const auto add = [](at::Tensor& sum, const at::Tensor& one) {
    if (one.defined()) sum = sum.defined() ? sum + one : one;
  };
  std::vector<at::Tensor> asked, ends, of_ends;
  std::vector<size_t> places;
  for (size_t r = 0; r < results.size(); ++r) {
    const auto same = std::find_if(inputs.begin(), inputs.end(),
                                   [&](const at::Tensor& t) { return t.is_same(results[r]); });
    if (same != inputs.end()) {
      add(found[same - inputs.begin()], grads[r]);
    } else {
      ends.push_back(results[r]), of_ends.push_back(grads[r]);
    }
  }
  if (ends.empty()) return found;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].requires_grad()) asked.push_back(inputs[i]), places.push_back(i);
  const auto through = torch::autograd::grad(ends, asked, of_ends, /*retain_graph=*/false,
                                             /*create_graph=*/false, /*allow_unused=*/true);
  for (size_t i = 0; i < places.size(); ++i) add(found[places[i]], through[i]);
  return found;
}

}  // namespace heed::ops
