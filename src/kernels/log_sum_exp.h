// log sum exp of rows of logits.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// So many neighbours of a row are a block, the last one shorter.
inline constexpr int64_t kNeighbours = 32;

/// result[i] = log sum_j exp(x[i, j]) of x (rows, n), row by row without gaps: in float64 whatever
/// x is, of sums of 512 numbers in the precision of x. NaN where a number is NaN or +inf, -inf
/// where all are. A row's bits depend on that row alone. largest (rows, blocks) is the largest
/// number of each block, NaN aside, which the sums need in any case.
void log_sum_exp(const float* x, int64_t rows, int64_t n, double* result, float* largest);
void log_sum_exp(const double* x, int64_t rows, int64_t n, double* result, double* largest);

}  // namespace heed::kernels
