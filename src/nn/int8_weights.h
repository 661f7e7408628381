// Which weights of this process stand for whole numbers of 8 bits.
#pragma once

#include <torch/types.h>

namespace heed::nn {

/// Says that each row of a weight (N, K), float32 on the CPU and without gaps, is a scale of `scales` (N)
/// times whole numbers from -127 to 127. Layers whose rows are alone (RowsAlone) multiply by these
/// numbers then; whatever else reads the weight finds float32. It holds as long as the weight's
/// memory, and until an operator changes the weight. Threads may call this at the same time.
void mark_int8(const at::Tensor& weight, const at::Tensor& scales);

/// The scales (n) of `rows` (n, K), all or some rows of a weight that was marked; undefined: it was not.
at::Tensor int8_scales(const at::Tensor& rows);

}  // namespace heed::nn
