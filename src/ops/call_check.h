// What may be wrong with a call of attend; each throws UsageError.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/call.h"

namespace heed::ops {

void check_storage(const at::Tensor& t, const char* name);
void check_shapes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
/// What the operator would ignore.
void check_acts(const Attention& how, const kernels::Sizes& sizes, const AttendInputs& inputs);
/// Adds the masks and modifiers that a given tensor implies, and the parameters.
void check_inputs(Call& call, const AttendInputs& inputs);

}  // namespace heed::ops
