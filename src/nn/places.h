// Where the tokens of an input stand, and the angles of that.
#pragma once

#include <torch/types.h>

#include "heed/ops/attention.h"

namespace heed::nn {

/// first .. first + length - 1: (length) float64.
at::Tensor places_in_line(int64_t first, int64_t length);

struct GridPlaces {
  at::Tensor rows, columns;  ///< (L) float64; 0 where there is no place
  at::Tensor placed;         ///< (L) float64: 1, or 0 where there is no place
};

/// Of tokens first .. first + length - 1 of an input of `total`.
GridPlaces places_on_grid(const OpSpec& position, int64_t first, int64_t length, int64_t total);

/// The columns of a position's grid over an input of `total` tokens. Throws ModelError where it
/// states none and the tokens are no square.
int64_t grid_columns(const OpSpec& position, int64_t total);

/// Of a float64 tensor, element by element: LibTorch's own give the last elements of a tensor
/// other bits than the first, so that what a position is would depend on how many there are.
at::Tensor sines(const at::Tensor& a);
at::Tensor cosines(const at::Tensor& a);

/// base^(-2c / width) for c < pairs: (pairs) float64.
at::Tensor falling_frequencies(int64_t pairs, double width, double base);

}  // namespace heed::nn
