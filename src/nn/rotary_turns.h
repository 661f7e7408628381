// What rope turns tokens by.
#pragma once

#include <torch/types.h>

#include "heed/ops/attention.h"

namespace heed::nn {

/// What turns L tokens of heads D wide.
struct Turns {
  at::Tensor cos, sin;   ///< (L, pairs) float64
  double magnitude = 1;  ///< of what is turned and what is not, where the tables do not have it
};

/// Of tokens first .. first + L - 1 and `rope`, not of a grid.
Turns rotary_turns(const OpSpec& rope, int64_t first, int64_t L, int64_t D);

}  // namespace heed::nn
