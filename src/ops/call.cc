#include "ops/call.h"

#include <ATen/CPUGeneratorImpl.h>

#include "ops/call_check.h"

namespace heed::ops {
namespace {

/// Autocast may hand over mixed dtypes (a linear layer's bfloat16 beside a normalization's
/// float32): the widest of them is taken for all, as autocast does for operators of several inputs.
void unite_dtypes(at::Tensor& q, at::Tensor& k, at::Tensor& v) {
  if (!autocasts()) return;
  const auto widest =
      c10::promoteTypes(c10::promoteTypes(q.scalar_type(), k.scalar_type()), v.scalar_type());
  for (auto* t : {&q, &k, &v})
    if (t->scalar_type() != widest) *t = t->to(widest);
}

}  // namespace

bool autocasts() {
  const auto off = [](c10::DispatchKey key) {
    return c10::impl::tls_is_dispatch_key_excluded(key);
  };
  return !off(c10::DispatchKey::AutocastCPU) || !off(c10::DispatchKey::AutocastCUDA);
}

at::Tensor in_dtype_of(const at::Tensor& other, const at::Tensor& x) {
  return autocasts() && x.defined() && other.defined() ? x.to(other.scalar_type()) : x;
}

Call checked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Attention& how,
             const AttendInputs& inputs) {
  how.check();
  Call call;
  call.q = q, call.k = k, call.v = v;
  call.how = how;
  check_storage(q, "q"), check_storage(k, "k"), check_storage(v, "v");
  unite_dtypes(call.q, call.k, call.v);
  check_shapes(call.q, call.k, call.v);
  call.compute = call.q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  call.context.sizes = {.B = q.size(0),
                        .H = q.size(1),
                        .G = k.size(1),
                        .Lq = q.size(2),
                        .Lk = k.size(2),
                        .D = q.size(3),
                        .E = v.size(3)};
  call.context.offset = inputs.query_offset.value_or(k.size(2) - q.size(2));
  check_inputs(call, inputs);
  if (inputs.key_lengths) call.context.key_lengths = inputs.key_lengths->contiguous();
  if (inputs.segment_ids) call.context.segment_ids = inputs.segment_ids->contiguous();
  call.context.block_mask = inputs.block_mask.value_or(at::Tensor());
  call.context.attn_mask = inputs.attn_mask.value_or(at::Tensor());
  call.context.bias = inputs.bias.value_or(at::Tensor());
  for (const auto* op : acting_ops(call.how))
    if (const auto check = definition(op->name).check_sizes) check(*op, call.context);
  const auto& score = call.how.score;
  if (score.name == "dot" || score.name == "scaled_dot")
    call.context.scale = dot_scale(score, call.context.sizes.D);
  const bool training = inputs.training.value_or(false);
  call.context.training = training;
  const bool draws = how.dropout > 0 || how.normalizer.name == "hard";
  if (training && draws)
    call.context.seed = inputs.seed ? static_cast<uint64_t>(*inputs.seed) : draw_seed();
  if (training) call.dropout = how.dropout;
  return call;
}

Call checked_operator(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const Attention& how, const AttendInputs& inputs) {
  auto call = checked(q, k, v, how, inputs);
  check_acts(how, call.context.sizes, inputs);
  return call;
}

Attention operator_part(Attention how) {
  const Attention plain;
  if (!definition(how.position.name).place) how.position = plain.position;
  std::erase_if(how.modifiers, [](const OpSpec& op) { return op.name == "gate"; });
  how.merge = plain.merge;
  return how;
}

uint64_t draw_seed() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

std::vector<at::Tensor*> differentiable(Call& call) {
  std::vector<at::Tensor*> all = {&call.q, &call.k, &call.v};
  if (call.context.bias.defined()) all.push_back(&call.context.bias);
  for (auto& [name, tensor] : call.context.parameters) all.push_back(&tensor);
  return all;
}

std::vector<at::Tensor> differentiable(const Call& call) {
  Call copy = call;
  std::vector<at::Tensor> all;
  for (const auto* t : differentiable(copy)) all.push_back(*t);
  return all;
}

CallContext expanded(const Call& call) {
  CallContext context = call.context;
  const auto& s = context.sizes;
  const auto expand = [&](at::Tensor& t) {
    if (!t.defined()) return;
    if (t.scalar_type() != at::kBool) t = t.to(call.compute);
    t = t.expand({s.B, s.H, s.Lq, s.Lk});
  };
  expand(context.attn_mask);
  expand(context.bias);
  if (context.block_mask.defined())
    context.block_mask = context.block_mask.expand({s.B, s.H, -1, -1});
  for (auto& [name, tensor] : context.parameters) tensor = tensor.to(call.compute);
  return context;
}

CallContext cut(CallContext context, Interval rows, Interval columns) {
  context.row += rows.begin, context.column += columns.begin;
  for (auto* t : {&context.attn_mask, &context.bias}) {
    if (!t->defined()) continue;
    *t = t->narrow(2, rows.begin, rows.size()).narrow(3, columns.begin, columns.size());
  }
  return context;
}

CallContext cut_to_heads(CallContext context, int64_t batch, Interval heads) {
  context.head += heads.begin, context.batch += batch;
  for (auto* t : {&context.key_lengths, &context.segment_ids})
    if (t->defined()) *t = t->narrow(0, batch, 1);
  for (auto* t : {&context.attn_mask, &context.bias, &context.block_mask})
    if (t->defined()) *t = t->narrow(0, batch, 1).narrow(1, heads.begin, heads.size());
  for (auto& [name, tensor] : context.parameters)
    tensor = tensor.narrow(0, heads.begin, heads.size());
  return context;
}

}  // namespace heed::ops
