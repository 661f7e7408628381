// y = x W^T + b, every element by itself.
#pragma once

#include <cstdint>

#include "kernels/function.h"

namespace heed::kernels {

/// Rows of W that are packed together, a block: whole panels of every vector width.
inline constexpr int64_t kPackedRows = 64;

/// Rows of x that one call of the kernel takes at most.
inline constexpr int64_t kRowsTogether = 48;

/// How many numbers W (n, depth) has when packed.
constexpr int64_t packed_size(int64_t n, int64_t depth) {
  return (n + kPackedRows - 1) / kPackedRows * kPackedRows * depth;
}

/// W (n, depth), rows contiguous and `stride` apart, to panels (depth, two vectors) of its
/// transpose, 64 rows to a block, 0 in the columns that W has no rows for. For this machine's
/// vectors.
void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, float* packed);
void pack_rows(const double* weight, int64_t n, int64_t depth, int64_t stride, double* packed);

/// y (m, n) = f(x (m, depth) W^T + b), x and y row by row without gaps; b (n) or null. The terms of
/// 128 steps of depth are added to 0 in order, one fused multiply-add each, these sums one after
/// the other, then b[j], and f has apply()'s bits: the same whatever m, n, i and j are. 4096 equal terms are off by 2e-6
/// where one chain would be by 6e-5.
template <class T>
struct RowLinear {
  int64_t m, n, depth;
  const T* x;
  const T* packed;
  const T* bias;
  T* y;
  Function function = Function::none;
};

void row_linear(const RowLinear<float>& problem);
void row_linear(const RowLinear<double>& problem);

}  // namespace heed::kernels
