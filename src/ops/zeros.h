// Zeros for gradients that are added to.
#pragma once

#include <torch/types.h>

namespace heed::ops {

/// Of the sizes, dtype and device of t, contiguous. Large ones on the CPU are pages that the system
/// has yet to give: it gives them as zeros, when whoever adds to them first touches them.
at::Tensor zeros_of(const at::Tensor& t);

}  // namespace heed::ops
