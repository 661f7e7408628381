// Zeros for gradients that are added to.
#pragma once

#include <torch/types.h>

namespace heed::ops {

/// Of the sizes, dtype and device of t, contiguous. Large ones on the CPU are pages that the system
/// has yet to give, and gives as zeros.
at::Tensor zeros_of(const at::Tensor& t);

}  // namespace heed::ops
