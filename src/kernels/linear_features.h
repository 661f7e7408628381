// The maps of linear attention's features on raw memory. Bits do not depend on where in the memory
// a number stands, nor on the number of threads.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// to[i] = exp(from[i]): 0 below the smallest normal number, infinite above 0.7 of the largest.
template <class T>
void exp_all(const T* from, int64_t count, T* to);

/// to[i] = from[i] + 1 above 0, exp(from[i]) below.
template <class T>
void elu_all(const T* from, int64_t count, T* to);

}  // namespace heed::kernels
