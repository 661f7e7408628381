// torch.ops.heed.attend_forward and attend_backward: the two halves of the operator, without
// autograd, for those who join them to their own (the Python package does, so that fake tensors and
// compilers see through). And the tensors that an attention learns, freshly drawn.
#include <torch/library.h>

#include "heed/core/error.h"
#include "heed/ops/parameters.h"
#include "ops/kernel_call.h"
#include "ops/library.h"

namespace heed::ops {
namespace {

/// Where q, k, v, the bias and the parameters, in the operator's order, stand in differentiable().
std::vector<size_t> places_by_name(const Call& call, const at::Tensor& q, const at::Tensor& k) {
  std::vector<size_t> places = {0, 1, 2};
  if (call.context.bias.defined()) places.push_back(3);
  const size_t first = places.size();
  for (const auto& spec : parameters_of(call.how, q.size(1), k.size(1), q.size(3))) {
    const auto& all = call.context.parameters;
    places.push_back(first + std::distance(all.begin(), all.find(spec.name)));
  }
  return places;
}

using Results = std::tuple<at::Tensor, at::Tensor>;

Results forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const std::string& how, const OptionalTensor& key_lengths,
                const OptionalTensor& attn_mask, const OptionalTensor& bias,
                const OptionalTensor& segment_ids, const OptionalTensor& block_mask,
                at::TensorList parameters, bool training, int64_t seed,
                OptionalInteger query_offset) {
  const auto call = checked_text(q, k, v, how,
                                 {key_lengths, attn_mask, bias, segment_ids, block_mask,
                                  parameters.vec(), training, seed, query_offset});
  auto result = on_cpu_tensors(call, false);
  return {result.out.to(q.scalar_type()), result.row_stats};
}

/// One tensor for each of q, k, v, bias (where given) and the parameters; empty where not wanted.
std::vector<at::Tensor> backward(const at::Tensor& grad_out, const at::Tensor& out,
                                 const at::Tensor& row_stats, const at::Tensor& q,
                                 const at::Tensor& k, const at::Tensor& v, const std::string& how,
                                 const OptionalTensor& key_lengths, const OptionalTensor& attn_mask,
                                 const OptionalTensor& bias, const OptionalTensor& segment_ids,
                                 const OptionalTensor& block_mask, at::TensorList parameters,
                                 bool training, int64_t seed, OptionalInteger query_offset,
                                 c10::List<bool> wanted_list) {
  std::vector<bool> wanted(wanted_list.begin(), wanted_list.end());
  const auto call = checked_text(q, k, v, how,
                                 {key_lengths, attn_mask, bias, segment_ids, block_mask,
                                  parameters.vec(), training, seed, query_offset});
  const auto inputs = differentiable(call);
  if (wanted.size() != inputs.size())
    throw UsageError("attend_backward: wanted: expected " + std::to_string(inputs.size()) +
                     " answers, one for each of q, k, v, bias and parameters, given " +
                     std::to_string(wanted.size()));
  // A call keeps its parameters by name, the operator in the order of its words.
  const auto order = places_by_name(call, q, k);
  std::vector<bool> by_name(wanted.size());
  for (size_t i = 0; i < order.size(); ++i) by_name[order[i]] = wanted[i];
  const auto found =
      cpu_gradients(call, out.to(call.compute), row_stats.contiguous(), grad_out, by_name);
  std::vector<at::Tensor> grads;
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& input = inputs[order[i]];
    const auto missing = wanted[i] ? at::zeros_like(input) : at::empty({0}, input.options());
    grads.push_back(found[order[i]].defined() ? found[order[i]] : missing);
  }
  return grads;
}

std::vector<std::string> parameter_names(const std::string& how, int64_t num_heads,
                                         int64_t num_kv_heads, int64_t width) {
  std::vector<std::string> names;
  for (const auto& spec : parameters_of(Attention::parse(how), num_heads, num_kv_heads, width))
    names.push_back(spec.name);
  return names;
}

std::vector<at::Tensor> new_parameters(const std::string& how, int64_t num_heads,
                                       int64_t num_kv_heads, int64_t width, int64_t value_width) {
  std::vector<at::Tensor> all;
  for (const auto& spec :
       parameters_of(Attention::parse(how), num_heads, num_kv_heads, width, value_width))
    all.push_back(at::randn(spec.shape) * spec.std + spec.mean);
  return all;
}

}  // namespace
}  // namespace heed::ops

#define HEED_ATTEND_REST                                                                          \
  "Tensor q, Tensor k, Tensor v, str how, Tensor? key_lengths, Tensor? attn_mask, Tensor? bias, " \
  "Tensor? segment_ids, Tensor? block_mask, Tensor[] parameters, bool training, int seed, "       \
  "int? query_offset"

TORCH_LIBRARY_FRAGMENT(heed, library) {
  library.def("attend_forward(" HEED_ATTEND_REST ") -> (Tensor, Tensor)");
  library.def("attend_backward(Tensor grad_out, Tensor out, Tensor row_stats, " HEED_ATTEND_REST
              ", bool[] wanted) -> Tensor[]");
  library.def("parameter_names(str how, int num_heads, int num_kv_heads, int width) -> str[]",
              heed::ops::parameter_names);
  library.def(
      "new_parameters(str how, int num_heads, int num_kv_heads, int width, int value_width=0) -> "
      "Tensor[]",
      heed::ops::new_parameters);
}

TORCH_LIBRARY_IMPL(heed, CPU, library) {
  library.impl("attend_forward", heed::ops::forward);
  library.impl("attend_backward", heed::ops::backward);
}
