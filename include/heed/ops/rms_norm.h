// Rows divided by their root mean square.
#pragma once

#include <torch/types.h>

namespace heed {

/// y = x / sqrt(mean(x^2) + eps) * weight of each row of x (..., n) (Zhang & Sennrich 2019), weight
/// (n) of the dtype of x (under autocast x takes that of weight), eps >= 0.
///
/// Float32 and float64 on the CPU by a kernel whose sums are of float64: a row's bits depend on that
/// row alone, and the gradient of weight on the rows alone: the same for any number of threads.
/// Neither finite numbers whose squares overflow nor a NaN in another row change a row. Other dtypes
/// and devices by the formula, in float32. Differentiable any number of times. Cost: two passes over
/// a row in the cache, the gradient three. Throws UsageError.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace heed
