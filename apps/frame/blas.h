#pragma once

#include <string>

namespace heed::cli {

/// The BLAS under LibTorch. OpenBLAS names its kernels last but one: those of another processor, by
/// OPENBLAS_CORETYPE or because it does not know this one, may be half as fast.
std::string blas();

/// A line on standard error: whose SGEMM a bench compares with, and the vectors of our kernels.
void say_blas();

}  // namespace heed::cli
