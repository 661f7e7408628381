// A linear layer and what acts on its values in one pass.
#pragma once

#include "heed/ops/row_linear.h"
#include "kernels/row_linear.h"

namespace heed::ops {

/// f of row_linear(x, weight, bias), with the bits of both one after the other.
at::Tensor row_linear_then(kernels::Function function, const at::Tensor& x,
                           const PackedWeight& weight, const at::Tensor& bias);

/// The same of x (m, K) to y (m, N), float32 row by row without gaps; bias (N) or null.
void row_linear_to(kernels::Function function, int64_t m, const float* x,
                   const PackedWeight& weight, const float* bias, float* y);

}  // namespace heed::ops
