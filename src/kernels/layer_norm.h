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

/// With g = dL/dy, h = g scale, z = (x - mean) inverse and inverse = 1 / sqrt(variance + epsilon), each where it is not null:
///
///   of_x = (h - mean(h) - z mean(h z)) inverse  (rows, n),   of_scale = sum g z,  of_shift = sum g  (n)
///
/// Mean and variance are found again, so nothing but x is kept. The same bits for any number of threads.
template <class T>
struct LayerNormGradient {
  LayerNorm<T> forward;  ///< y is not read
  const T* g;
  T* of_x;
  T* of_scale;
  T* of_shift;
};

void layer_norm_backward(const LayerNormGradient<float>& problem);
void layer_norm_backward(const LayerNormGradient<double>& problem);

}  // namespace heed::kernels
