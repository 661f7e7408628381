// Rows of a table added up, and their gradient.
#pragma once

#include <torch/types.h>

namespace heed::nn {

/// y[n] = sum over f of table[ids[n, f]], where ids are not -1; table (R, M) float32 or float64,
/// ids (N, F) int64 of -1 .. R - 1 (the caller checks) -> (N, M). CPU. Differentiable any number of
/// times. The gradient of the table adds rows in the order of ids, so it has the same bits for any
/// number of threads. Cost: N F M additions, and N F + R M more for the gradient.
at::Tensor row_bag(const at::Tensor& table, const at::Tensor& ids);

}  // namespace heed::nn
