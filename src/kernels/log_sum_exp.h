// log sum exp of rows of logits.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// result[i] = log sum_j exp(x[i, j]) of x (rows, n), row by row without gaps: in float64 whatever
/// x is, of sums in the precision of x. NaN where a number is NaN or +inf, -inf where all are. A
/// row's bits depend on that row alone.
void log_sum_exp(const float* x, int64_t rows, int64_t n, double* result);
void log_sum_exp(const double* x, int64_t rows, int64_t n, double* result);

}  // namespace heed::kernels
