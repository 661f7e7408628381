// What a program of verbs that work with LibTorch needs besides its frame.
#pragma once

#include <functional>
#include <string>

namespace heed::cli {

/// Runs a verb with num_threads() threads in every library. What LibTorch throws becomes
/// heed::Error of kind memory, or a std::runtime_error that says it came from there.
void with_torch(const std::function<void()>& verb);

/// The BLAS under LibTorch. OpenBLAS names its kernels last but one: those of another processor, by
/// OPENBLAS_CORETYPE or because it does not know this one, may be half as fast.
std::string blas();

/// A line on standard error: whose SGEMM a bench compares with, and the vectors of our kernels.
void say_blas();

}  // namespace heed::cli
