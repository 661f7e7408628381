// y = x W^T + b, every element by itself.
#pragma once

#include <cstdint>

#include "kernels/function.h"

namespace heed::kernels {

/// Rows of W that are packed together, a block: whole panels of every vector width.
inline constexpr int64_t kPackedRows = 64;

/// Rows of x that one call of the kernel takes at most.
inline constexpr int64_t kRowsTogether = 48;

/// Two numbers of a panel in bfloat16, the upper halves of float32: of its first vector in the lower
/// half, of its second in the upper.
struct TwoBfloat16 {
  uint32_t bits;
};

/// How many numbers of W a word of a packed weight holds.
template <class Word>
inline constexpr int64_t kNumbersOfWord = 1;
template <>
inline constexpr int64_t kNumbersOfWord<TwoBfloat16> = 2;

/// Whether all numbers of W (n, depth) are such of bfloat16: no more than 8 bits of fraction.
bool is_bfloat16(const float* weight, int64_t n, int64_t depth, int64_t stride);

/// W (n, depth), rows contiguous and `stride` apart, to panels (depth, two vectors) of its
/// transpose, 64 rows to a block, 0 in the columns that W has no rows for. For this machine's
/// vectors. In half the memory where W is_bfloat16().
void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, float* packed);
void pack_rows(const double* weight, int64_t n, int64_t depth, int64_t stride, double* packed);
void pack_rows(const float* weight, int64_t n, int64_t depth, int64_t stride, TwoBfloat16* packed);

/// y (m, n) = f(x (m, depth) W^T + b), x and y row by row without gaps; b (n) or null. The terms of
/// 128 steps of depth are added to 0 in order, one fused multiply-add each, these sums one after
/// the other, then b[j], and f has apply()'s bits: the same whatever m, n, i and j are. 4096 equal terms are off by 2e-6
/// where one chain would be by 6e-5. Of TwoBfloat16 the same bits as of the float32 that they are.
template <class T, class Word = T>
struct RowLinear {
  int64_t m, n, depth;
  const T* x;
  const Word* packed;
  const T* bias;
  T* y;
  Function function = Function::none;
};

void row_linear(const RowLinear<float>& problem);
void row_linear(const RowLinear<double>& problem);
void row_linear(const RowLinear<float, TwoBfloat16>& problem);

}  // namespace heed::kernels
