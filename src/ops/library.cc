// torch.ops.heed.attend: the operator as Python and other users of LibTorch's dispatcher find it.
#include <torch/library.h>
#include <torch/version.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "heed/core/error.h"
#include "heed/ops/attend.h"
#include "heed/ops/parameters.h"
#include "ops/library.h"
#include "ops/op_definition.h"

/// What python/heed/_library.py looks for in the file before it loads it: a library of another LibTorch
/// aborts the interpreter.
extern "C" const char heed_built_with[] = "heed: built with LibTorch " TORCH_VERSION;

namespace heed {
namespace {

/// Texts are few and calls are many, so a text is parsed once. Bounded, in case texts are made up.
std::shared_ptr<const Attention> parsed(const std::string& text) {
  constexpr size_t kMost = 1024;
  static std::mutex mutex;
  static std::unordered_map<std::string, std::shared_ptr<const Attention>> cache;
  const std::lock_guard lock(mutex);
  auto& entry = cache[text];
  if (entry) return entry;
  try {
    entry = std::make_shared<const Attention>(Attention::parse(text));
  } catch (...) {
    cache.erase(text);
    throw;
  }
  const auto result = entry;
  if (cache.size() > kMost) cache.clear();
  return result;
}

using OptionalList = ops::TorchOptional<c10::List<at::Tensor>>;

at::Tensor attend_text(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const std::string& how, const ops::OptionalTensor& key_lengths,
                       const ops::OptionalTensor& attn_mask, const ops::OptionalTensor& bias,
                       const ops::OptionalTensor& segment_ids,
                       const ops::OptionalTensor& block_mask, const OptionalList& parameters,
                       bool training, ops::OptionalInteger seed,
                       ops::OptionalInteger query_offset) {
  const ops::OperatorInputs inputs{
      key_lengths, attn_mask,  bias,
      segment_ids, block_mask, parameters ? parameters->vec() : std::vector<at::Tensor>(),
      training,    seed,       query_offset};
  return attend(q, k, v, how, ops::named(inputs, *parsed(how), q, k));
}

}  // namespace

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  std::string_view how, const AttendInputs& inputs) {
  return attend(q, k, v, *parsed(std::string(how)), inputs);
}

namespace ops {

AttendInputs named(const OperatorInputs& given, const Attention& how, const at::Tensor& q,
                   const at::Tensor& k) {
  AttendInputs inputs;
  inputs.key_lengths = to_std(given.key_lengths);
  inputs.attn_mask = to_std(given.attn_mask);
  inputs.bias = to_std(given.bias);
  inputs.segment_ids = to_std(given.segment_ids);
  inputs.block_mask = to_std(given.block_mask);
  inputs.training = given.training;
  inputs.seed = to_std(given.seed);
  inputs.query_offset = to_std(given.query_offset);
  if (q.dim() != 4 || k.dim() != 4) return inputs;  // which checks will refuse
  const auto specs = parameters_of(how, q.size(1), k.size(1), q.size(3));
  if (given.parameters.size() != specs.size())
    throw UsageError("attend: parameters: expected " + std::to_string(specs.size()) +
                     " tensors for '" + how.text() + "', given " +
                     std::to_string(given.parameters.size()));
  for (size_t i = 0; i < specs.size(); ++i) inputs.parameters[specs[i].name] = given.parameters[i];
  return inputs;
}

Call checked_text(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::string& how, const OperatorInputs& inputs) {
  const auto attention = parsed(how);
  return checked_operator(q, k, v, *attention, named(inputs, *attention, q, k));
}

}  // namespace ops
}  // namespace heed

// One implementation for every device: it dispatches and joins autograd itself.
TORCH_LIBRARY(heed, library) {
  library.def(
      "attend(Tensor q, Tensor k, Tensor v, str how=\"scaled_dot\", *, Tensor? key_lengths=None, "
      "Tensor? attn_mask=None, Tensor? bias=None, Tensor? segment_ids=None, Tensor? "
      "block_mask=None, "
      "Tensor[]? parameters=None, bool training=False, int? seed=None, int? query_offset=None) -> "
      "Tensor",
      heed::attend_text);
}
