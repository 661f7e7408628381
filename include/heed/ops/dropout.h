// Dropout whose decisions are computed and not stored.
#pragma once

#include <torch/types.h>

#include <optional>

namespace heed {

/// y = residual + keep x / (1 - p) (Srivastava et al. 2014), where an element is kept with
/// probability 1 - p; not training or p = 0: residual + x.
///
/// x of any shape and floating dtype, residual of the same (under autocast of any, which x then
/// takes) or undefined (then it counts as 0), p in [0, 1). Whether element e (in row-major order)
/// is kept depends on the seed and e alone:
///   word (e / 16) % 4 of philox(seed, {16 (e / 64) + e % 16, (that) >> 32, 1, 0})
/// is below p 2^32: dropped. So forward and backward draw the same for any number of threads, and
/// memory holds no mask. The seed is drawn from LibTorch's CPU generator where none is given.
/// float32 and float64 on the CPU; other tensors go through torch::dropout, which draws its own.
/// Differentiable any number of times. Cost: one pass over x, residual and y; some 5 instructions
/// an element. Throws UsageError.
at::Tensor dropout(const at::Tensor& x, double p, bool training, const at::Tensor& residual = {},
                   std::optional<int64_t> seed = std::nullopt);

}  // namespace heed
