// A linear layer and what acts on its values in one pass.
#pragma once

#include "heed/ops/row_linear.h"
#include "kernels/row_linear.h"

namespace heed::ops {

/// f of row_linear(x, weight, bias), with the bits of both one after the other.
at::Tensor row_linear_then(kernels::Function function, const at::Tensor& x,
                           const PackedWeight& weight, const at::Tensor& bias);

}  // namespace heed::ops
