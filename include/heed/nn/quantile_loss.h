// Forecasts as quantiles.
#pragma once

#include <torch/types.h>

#include <vector>

namespace heed::nn {

/// The pinball loss (Koenker & Bassett 1978), its mean over all of (B, H, C, Q):
///
///   loss(y, f) = q (y - f) where y >= f,  (1 - q) (f - y) otherwise
///
/// forecasts (B, H, C, Q) for the quantiles q_1 < ... < q_Q in (0, 1); values (B, H, C) in the same
/// dtype. With observed (B, H, C) bool the mean is over what was observed (0 where nothing was),
/// and what is not may be NaN. With q = 0.5 alone it is half the mean absolute error. -> (), with
/// gradient for forecasts; 0 at f = y. Throws UsageError naming the argument.
at::Tensor quantile_loss(const at::Tensor& forecasts, const at::Tensor& values,
                         const std::vector<double>& quantiles, const at::Tensor& observed = {});

/// Numbers x (..., Q) as quantiles that do not cross. With the middle m = Q / 2, rounded down:
///
///   y_m = x_m,   y_i = y_{i-1} + softplus(x_i) for i > m,   y_i = y_{i+1} - softplus(x_i) for i <
///   m
///
/// so y_1 <= ... <= y_Q (increments that are not negative: Park et al. 2022). With gradient. Throws
/// UsageError for Q = 0.
at::Tensor ordered_quantiles(const at::Tensor& x);

}  // namespace heed::nn
