// Products in bfloat16 while a model learns.
#pragma once

#include "heed/train/options.h"
#include "heed/train/task.h"

namespace heed {

/// task.next() with products in the precision that TrainOptions names. In bfloat16 LibTorch
/// multiplies matrices and convolves so on the CPU (its autocast): operands are rounded to 8 bits
/// of mantissa, sums are float32. Parameters, gradients, norms and Heed's own kernels stay float32.
BatchLoss next_in_precision(Task& task, Precision precision);

/// Whether this processor has instructions for it: AVX-512 BF16, or Arm's BF16.
bool multiplies_bfloat16();

}  // namespace heed
