// Dropout of an array, on raw memory. No LibTorch here.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y[e] = residual[e] (null: 0) + keep(e) x[e] / (1 - probability), with keep(e) as
/// heed/ops/dropout.h says.
void dropout_array(double probability, uint64_t seed, int64_t count, const float* x,
                   const float* residual, float* y);
void dropout_array(double probability, uint64_t seed, int64_t count, const double* x,
                   const double* residual, double* y);

}  // namespace heed::kernels
