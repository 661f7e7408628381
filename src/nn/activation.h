// What acts on hidden values.
#pragma once

#include <torch/types.h>

#include "heed/nn/choices.h"

namespace heed::nn {

/// Of each number x, as RowsAlone says:
///
///   gelu        x P(X <= x), X standard normal           (Hendrycks & Gimpel 2016, the exact form)
///   relu        max(x, 0)
///   gelu_tanh   x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))     (the same, approximately)
///   silu        x sigmoid(x)                                          (the same)
///   quick_gelu  x sigmoid(1.702 x)                                    (the same)
at::Tensor activate(Activation activation, const at::Tensor& x);

/// Exact GELU, sigmoid and tanh, as RowsAlone says.
at::Tensor gelu_of(const at::Tensor& x);
at::Tensor sigmoid_of(const at::Tensor& x);
at::Tensor tanh_of(const at::Tensor& x);

}  // namespace heed::nn
