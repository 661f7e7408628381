// A linear layer whose rows do not know of each other.
#pragma once

#include <torch/types.h>

namespace heed {

/// y (..., N) = x (..., K) W^T + b with W (N, K), b (N) or undefined, float32 or float64 on the
/// CPU. No gradient.
///
/// Each y[i, n] is one sum over k in an order that depends on K alone, so a row has the same bits
/// whatever other rows x has, whichever rows of W are asked for, and for any number of threads.
/// (A product that picks its blocks by the number of rows, as BLAS does, promises no such thing.)
/// W is read as it lies, once for a few rows of x: with one row the cost is that of reading W.
/// Throws UsageError for shapes, dtypes or devices that do not fit.
at::Tensor row_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

}  // namespace heed
