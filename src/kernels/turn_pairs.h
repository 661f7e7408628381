// Pairs of channels turned by angles (rotary positions).
#pragma once

#include <cstdint>

namespace heed::kernels {

/// y (D), what x (D) becomes by `pairs` angles, 2 pairs <= D: with c and s the cosine and sine
/// number i the pair (a, b) number i becomes (a c - b s, b c + a s), each product and each sum
/// rounded. Pairs are channels (i, i + pairs) or, interleaved, (2i, 2i + 1); the rest stays. y is
/// not x.
template <class T>
struct TurnPairs {
  int64_t pairs, D;
  bool interleaved;
  const T* x;
  const T* cos;
  const T* sin;
  T* y;
};

void turn_pairs(const TurnPairs<float>& problem);
void turn_pairs(const TurnPairs<double>& problem);

}  // namespace heed::kernels
