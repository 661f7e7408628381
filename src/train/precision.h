// Products in bfloat16 while a model learns.
#pragma once

#include <ATen/autocast_mode.h>

namespace heed {

/// While one lives that is on, LibTorch multiplies matrices and convolves in bfloat16 on the CPU
/// (its autocast): operands are rounded to 8 bits of mantissa, sums are float32. Parameters,
/// gradients, norms and Heed's own kernels stay float32. What it made is differentiated after it.
class LowerPrecision {
 public:
  explicit LowerPrecision(bool on);
  ~LowerPrecision();
  LowerPrecision(const LowerPrecision&) = delete;
  LowerPrecision& operator=(const LowerPrecision&) = delete;

 private:
  bool on_, before_;
};

/// Whether this processor has instructions for it: AVX-512 BF16, or Arm's BF16.
bool multiplies_bfloat16();

}  // namespace heed
