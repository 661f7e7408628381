// Functions of single numbers: activations, sigmoid and tanh.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// x to
///   none        x
///   relu        max(x, 0)
///   gelu        x P(X <= x), X standard normal (Hendrycks & Gimpel 2016, the exact form)
///   gelu_tanh   x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))  (the same, approximately)
///   silu        x sigmoid(x)                                       (the same)
///   quick_gelu  x sigmoid(1.702 x)                                 (the same)
enum class Function { none, relu, gelu, gelu_tanh, silu, quick_gelu, sigmoid, tanh };

/// y[i] = f(x[i]) for n numbers; y may be x. The bits of one do not depend on its place. Float32 by
/// vectors: tanh within 4e-7 of itself, sigmoid within 4.4e-7 + 8e-8 |x| (1.4e-8 |x| with fused
/// multiply-add), the others within 4e-7 |x|. NaN gives NaN, as do those from gelu to quick_gelu at
/// -inf, where they are 0 times infinity.
void apply(Function function, const float* x, int64_t n, float* y);
void apply(Function function, const double* x, int64_t n, double* y);

}  // namespace heed::kernels
