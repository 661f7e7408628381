// The micro-kernel of gemm_tile-inl.h for code that is not compiled once a SIMD target.
#pragma once

#include "kernels/operands.h"

namespace heed::kernels {

/// C (m, n) += A (m, depth) B (depth, n). Rows of B and C are readable and writable up to a
/// multiple of kAlign numbers.
void add_product(int64_t m, int64_t n, int64_t depth, Left<float> a, Right<float> b,
                 Result<float> c) noexcept;
void add_product(int64_t m, int64_t n, int64_t depth, Left<double> a, Right<double> b,
                 Result<double> c) noexcept;

}  // namespace heed::kernels
