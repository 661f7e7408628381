// A call on CPU tensors through the tile kernels.
#pragma once

#include <array>

#include "ops/call.h"

namespace heed::ops {

/// out and rows in the dtype of the computation. O(Lq + Lk) memory beside them.
Attended by_kernels(const Call& call);

/// Gradients of q, k, v and bias from out, rows (as by_kernels gave them) and the gradient of out.
/// Those that are not wanted are undefined; each is in the dtype of its input, laid out as it.
std::array<at::Tensor, 4> kernel_gradients(const Call& call, const at::Tensor& out,
                                           const at::Tensor& rows, const at::Tensor& grad_out,
                                           const std::array<bool, 4>& wanted);

}  // namespace heed::ops
