// What acts on hidden values.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "heed/nn/choices.h"
#include "kernels/function.h"

namespace heed::nn {

/// Of each number x, as RowsAlone says; the formulas stand at kernels::Function.
at::Tensor activate(Activation activation, const at::Tensor& x);

/// Of each number of affine(linear, x): one pass where rows are alone, with the same bits.
at::Tensor activate(Activation activation, const torch::nn::Linear& linear, const at::Tensor& x);

kernels::Function function_of(Activation activation);

/// Sigmoid and tanh, as RowsAlone says.
at::Tensor sigmoid_of(const at::Tensor& x);
at::Tensor tanh_of(const at::Tensor& x);

/// f of each number of x, float32 or float64 on the CPU, by the kernel.
at::Tensor apply(kernels::Function function, const at::Tensor& x);

}  // namespace heed::nn
