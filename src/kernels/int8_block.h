// Blocks of packed rows of 8 bits and what their products go to.
#pragma once

#include <cstdint>

#include "kernels/int8_linear.h"

namespace heed::kernels {

/// Steps of depth that are multiplied together.
inline constexpr int64_t kTogether = 4;
/// Bytes of one step of a block.
inline constexpr int64_t kStepBytes = kInt8Rows * kTogether;
/// Rows of x of one task.
inline constexpr int64_t kInt8RowsOfTask = 48;

/// One block of packed rows.
struct Int8Block {
  const float* scales;
  const int32_t* sums;
  const int8_t* q;
};

/// Sums of a tile, row by row.
using Int8Tile = int32_t[8][kInt8Rows];

/// Some rows of y in the columns of a block, `stride` numbers apart, and what makes them of sums.
struct Int8Out {
  const float* scales;  ///< of the rows of x
  const float* bias;    ///< null: none
  float* y;
  int64_t stride, width;
};

/// m rows of q (`stride` bytes apart, `steps` of 4 numbers) by a block.
using Int8Product = void (*)(int64_t m, int64_t steps, const int8_t* q, int64_t stride,
                             const Int8Block& block, const Int8Out& out);

/// Int8Product by AVX-512 VNNI, of q + 128; up to kVnniRows rows.
inline constexpr int64_t kVnniRows = 6;
void vnni_product(int64_t m, int64_t steps, const int8_t* q, int64_t stride, const Int8Block& block,
                  const Int8Out& out);

}  // namespace heed::kernels
