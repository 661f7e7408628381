// What the operators in LibTorch's dispatcher share: their optional arguments and a checked call.
#pragma once

#include <ATen/core/List.h>

#include <string>
#include <vector>

#include "ops/call.h"
#include "ops/torch_version.h"

namespace heed::ops {

using OptionalTensor = TorchOptional<at::Tensor>;
using OptionalInteger = TorchOptional<int64_t>;

/// The arguments of an operator beside q, k, v and how.
struct OperatorInputs {
  OptionalTensor key_lengths, attn_mask, bias, segment_ids, block_mask;
  std::vector<at::Tensor> parameters;  ///< in the order of parameters_of
  bool training = false;
  OptionalInteger seed, query_offset;
};

/// The same by name; throws UsageError where the number of parameters is wrong.
AttendInputs named(const OperatorInputs& inputs, const Attention& how, const at::Tensor& q,
                   const at::Tensor& k);

/// Parsed, refused where a module would have to do it, and checked.
Call checked_text(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::string& how, const OperatorInputs& inputs);

}  // namespace heed::ops
