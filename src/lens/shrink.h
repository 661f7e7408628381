// Large matrices made small.
#pragma once

#include <functional>

#include "heed/lens/draw.h"

namespace heed::lens {

/// A matrix that is made a band of rows at a time.
struct Rows {
  int64_t rows, columns;
  std::function<at::Tensor(Range)> band;  ///< those rows, all columns
};

/// Every block of height x width elements as one, float64; blocks at the right and lower edge may
/// be smaller.
at::Tensor shrink(const Rows& matrix, int64_t height, int64_t width, Shrink how);

}  // namespace heed::lens
