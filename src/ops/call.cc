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
  call.scene.sizes = {.B = q.size(0),
                      .H = q.size(1),
                      .G = k.size(1),
                      .Lq = q.size(2),
                      .Lk = k.size(2),
                      .D = q.size(3),
                      .E = v.size(3)};
  call.scene.offset = inputs.query_offset.value_or(k.size(2) - q.size(2));
  check_inputs(call, inputs);
  if (inputs.key_lengths) call.scene.key_lengths = inputs.key_lengths->contiguous();
  if (inputs.segment_ids) call.scene.segment_ids = inputs.segment_ids->contiguous();
  call.scene.block_mask = inputs.block_mask.value_or(at::Tensor());
  call.scene.attn_mask = inputs.attn_mask.value_or(at::Tensor());
  call.scene.bias = inputs.bias.value_or(at::Tensor());
  for (const auto* part : acting_parts(call.how))
    if (const auto check = definition(part->name).check_sizes) check(*part, call.scene);
  const auto& score = call.how.score;
  if (score.name == "dot" || score.name == "scaled_dot")
    call.scene.scale = dot_scale(score, call.scene.sizes.D);
  call.scene.training = inputs.training;
  const bool draws = how.dropout > 0 || how.normalizer.name == "hard";
  if (inputs.training && draws)
    call.scene.seed = inputs.seed ? static_cast<uint64_t>(*inputs.seed) : draw_seed();
  if (inputs.training) call.dropout = how.dropout;
  return call;
}

uint64_t draw_seed() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
}

std::vector<at::Tensor*> differentiable(Call& call) {
  std::vector<at::Tensor*> all = {&call.q, &call.k, &call.v};
  if (call.scene.bias.defined()) all.push_back(&call.scene.bias);
  for (auto& [name, tensor] : call.scene.parameters) all.push_back(&tensor);
  return all;
}

std::vector<at::Tensor> differentiable(const Call& call) {
  Call copy = call;
  std::vector<at::Tensor> all;
  for (const auto* t : differentiable(copy)) all.push_back(*t);
  return all;
}

Scene expanded(const Call& call) {
  Scene scene = call.scene;
  const auto& s = scene.sizes;
  const auto expand = [&](at::Tensor& t) {
    if (!t.defined()) return;
    if (t.scalar_type() != at::kBool) t = t.to(call.compute);
    t = t.expand({s.B, s.H, s.Lq, s.Lk});
  };
  expand(scene.attn_mask);
  expand(scene.bias);
  if (scene.block_mask.defined()) scene.block_mask = scene.block_mask.expand({s.B, s.H, -1, -1});
  for (auto& [name, tensor] : scene.parameters) tensor = tensor.to(call.compute);
  return scene;
}

Scene cut(Scene scene, Interval rows, Interval columns) {
  scene.row += rows.begin, scene.column += columns.begin;
  for (auto* t : {&scene.attn_mask, &scene.bias}) {
    if (!t->defined()) continue;
    *t = t->narrow(2, rows.begin, rows.size()).narrow(3, columns.begin, columns.size());
  }
  return scene;
}

Scene cut_to_heads(Scene scene, int64_t batch, Interval heads) {
  scene.head += heads.begin, scene.batch += batch;
  for (auto* t : {&scene.key_lengths, &scene.segment_ids})
    if (t->defined()) *t = t->narrow(0, batch, 1);
  for (auto* t : {&scene.attn_mask, &scene.bias, &scene.block_mask})
    if (t->defined()) *t = t->narrow(0, batch, 1).narrow(1, heads.begin, heads.size());
  for (auto& [name, tensor] : scene.parameters)
    tensor = tensor.narrow(0, heads.begin, heads.size());
  return scene;
}

}  // namespace heed::ops
