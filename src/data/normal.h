// Normal numbers.
#pragma once

#include <cmath>
#include <numbers>

#include "heed/core/random.h"

namespace heed::data {

/// Of mean 0 and deviation 1, of two uniform numbers (Box and Muller 1958).
inline double normal(Random& random) {
  const double radius = std::sqrt(-2 * std::log(1 - double(random.uniform())));
  return radius * std::cos(2 * std::numbers::pi * double(random.uniform()));
}

}  // namespace heed::data
