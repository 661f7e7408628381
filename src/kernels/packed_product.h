// C = A B where B was packed before: the products of training, on raw memory. No LibTorch here.
#pragma once

#include <cstdint>

#include "kernels/blocks.h"
#include "kernels/operands.h"
#include "kernels/row_linear.h"

namespace heed::kernels {

/// How many numbers B (depth, n) has when packed.
constexpr int64_t packed_numbers(int64_t depth, int64_t n) {
  return round_up(n, kPackedRows) * depth;
}

/// B (depth, n), one of whose strides is 1, to panels (depth, two vectors) as pack_rows makes them of its transpose: 0 in
/// the columns that B has not, to a whole block of 64. For this machine's vectors.
void pack_panels(int64_t depth, int64_t n, Left<float> b, float* packed);
void pack_panels(int64_t depth, int64_t n, Left<double> b, double* packed);

/// C (m, n) = A (m, depth) B (depth, n) + bias, or C += A B. The terms of 128 steps of depth are added to 0 in order, one
/// fused multiply-add each, and these sums one after the other: an element's bits depend on its row of A and column of B
/// alone, and not on the number of threads.
template <class T>
struct PackedProduct {
  int64_t m, n, depth;
  Left<T> a;        ///< rows from end to end (column = 1), or columns (row = 1)
  const T* packed;  ///< B
  T* c;
  int64_t stride;           ///< from row to row of C
  bool add = false;         ///< to what C holds
  const T* bias = nullptr;  ///< (n); only where A has rows and nothing is added to
};

void packed_product(const PackedProduct<float>& problem);
void packed_product(const PackedProduct<double>& problem);

}  // namespace heed::kernels
