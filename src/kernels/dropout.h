// Whether a weight is kept depends on the seed and on (b, h, i, j) alone: word j % 4 of
// philox<7>(seed, {j / 4, i, h, b}), compared with the probability. So forward, backward, the
// reference and every number of threads draw the same, and nothing is stored. A weight is drawn
// twice, once each way, beside some 60 operations of vectors: three rounds less are felt.
#pragma once

#include <cmath>
#include <cstdint>

namespace heed::kernels {

inline constexpr int kDropoutRounds = 7;

/// A word below the threshold drops: probability in units of 2^-32, 2^32 where everything is
/// dropped.
inline uint64_t dropout_threshold(double probability) {
  return static_cast<uint64_t>(std::llround(probability * 0x1p32));
}

/// What a kept weight is multiplied with: 1 / (1 - p); 0 where nothing is kept.
inline double dropout_scale(double probability) {
  return probability < 1 ? 1 / (1 - probability) : 0;
}

}  // namespace heed::kernels
