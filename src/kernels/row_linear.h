// y = x W^T + b, every element by itself.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y (m, n) = x (m, depth) W^T + b, all row by row without gaps but x, whose rows are x_stride
/// apart; W (n, depth); b (n) or null. y[i, j] is the sum over the lanes of one vector, whose lane
/// l adds the terms l, l + lanes, ... in order: the same whatever m, n, i and j are.
template <class T>
struct RowLinear {
  int64_t m, n, depth;
  const T* x;
  int64_t x_stride;
  const T* weight;
  const T* bias;
  T* y;
};

void row_linear(const RowLinear<float>& problem);
void row_linear(const RowLinear<double>& problem);

}  // namespace heed::kernels
