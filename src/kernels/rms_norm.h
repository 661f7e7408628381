// Rows divided by their root mean square, and the gradient of that.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y = x * scale / sqrt(mean(x^2) + epsilon) of each row of x (rows, n), row by row without gaps;
/// scale (n). A row's bits depend on that row alone. Finite numbers of any size give the result that
/// they have in exact arithmetic, but for rounding; a row with another number is NaN. y may be x.
template <class T>
struct RmsNorm {
  int64_t rows, n;
  const T* x;
  const T* scale;
  double epsilon;
  T* y;
};

void rms_norm(const RmsNorm<float>& problem);
void rms_norm(const RmsNorm<double>& problem);

/// With g = dL/dy, h = g * scale and z = x / sqrt(mean(x^2) + epsilon), each where it is not null:
///
///   of_x = (h - z mean(h z)) / sqrt(mean(x^2) + epsilon)  (rows, n),   of_scale = sum g z  (n)
///
/// The same bits for any number of threads.
template <class T>
struct RmsNormGradient {
  RmsNorm<T> forward;  ///< y is not read
  const T* g;
  T* of_x;
  T* of_scale;
};

void rms_norm_backward(const RmsNormGradient<float>& problem);
void rms_norm_backward(const RmsNormGradient<double>& problem);

}  // namespace heed::kernels
