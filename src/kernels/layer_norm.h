// Layer normalisation of rows.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y = (x - mean) / sqrt(variance + epsilon) * scale + shift of each row of x (rows, n), row by row
/// without gaps; scale and shift (n) or null. The variance is the mean of (x - mean)^2. y may be x.
/// A row's bits depend on that row alone. Finite numbers of any size give the result that they have
/// in exact arithmetic, but for rounding: neither far from 0 nor where squares overflow is it lost.
template <class T>
struct LayerNorm {
  int64_t rows, n;
  const T* x;
  const T* scale;
  const T* shift;
  T epsilon;
  T* y;
};

void layer_norm(const LayerNorm<float>& problem);
void layer_norm(const LayerNorm<double>& problem);

}  // namespace heed::kernels
