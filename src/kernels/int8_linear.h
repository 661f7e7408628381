// y = x W^T + b in whole numbers of 8 bits.
#pragma once

#include <cstdint>

#include "kernels/function.h"

namespace heed::kernels {

/// Rows of W that are packed together, a block.
inline constexpr int64_t kInt8Rows = 64;
/// Terms of a sum beyond which 32 bits could overflow, in any order: 255 * 127 * 66311 = 2^31.
inline constexpr int64_t kMostInt8Depth = 65536;

/// Bytes of W (n, depth) when packed.
int64_t packed_int8_size(int64_t n, int64_t depth);

/// Each row of x (rows, depth), rows `stride` apart, as q (rows, depth) and a scale s a row:
///   s = max |x| / 127,  q = x * (127 / max |x|) to the nearest, ties to even,  |q| <= 127.
/// A row with NaN or infinity has the scale NaN; one whose max is below 1e-36 counts as zeros.
void quantize_int8(const float* x, int64_t rows, int64_t depth, int64_t stride, int8_t* q,
                   float* scales);

/// W (n, depth), q without gaps, |q| <= 127, and a scale a row, to blocks of 64 rows: their scales,
/// the sums of each row's q, then q four steps of depth at a time, (depth / 4, 64, 4). The same on
/// every machine.
void pack_int8(const int8_t* q, const float* scales, int64_t n, int64_t depth, int8_t* packed);

/// y (m, n) = f(s t S + b) for x (m, depth) with q and s of its rows (quantize_int8), W with q and t
/// of its rows: S = sum_k q[i, k] q[j, k] is exact, s t is rounded, then the product with S (as the
/// nearest float32), then the sum with b (n) or null. Where there are `channels` (depth), x times these,
/// rounded, stands for x. So y without f has the same bits on every
/// processor, and a row has whatever m, n, i and j are. depth: at most kMostInt8Depth.
struct Int8Linear {
  int64_t m, n, depth;
  const float* x;
  const int8_t* packed;
  const float* bias;
  float* y;
  Function function = Function::none;
  const float* channels = nullptr;
};

void int8_linear(const Int8Linear& problem);

/// The same by loops that anybody can read, one element after the other.
void int8_linear_reference(const Int8Linear& problem);

/// Whether instructions for sums of products of 8 bits (AVX-512 VNNI) are used where the processor
/// has them and AVX-512 is not disabled: a test compares both ways. True at first.
void use_vnni(bool use);

}  // namespace heed::kernels
