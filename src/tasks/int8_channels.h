// Scales of the columns of weights of 8 bits.
#pragma once

#include <ATen/core/Tensor.h>

namespace heed {

/// How a weight and what it multiplies are best rounded to 8 bits.
struct Int8Fit {
  at::Tensor channels;  ///< c (K); undefined: all 1
  double error =
      0;  ///< of x W^T in 8 bits: root of the mean squared one, of the root mean square of x W^T
};

/// Channels c (K) by which a weight W (N, K) and what it multiplies, like the rows of x (n, K), are best rounded to
/// 8 bits: W / c by its rows and x c by its rows, with the same product. A channel in which x is large and W is not takes
/// the steps of all others otherwise (SmoothQuant, Xiao et al. 2023): 1 / c = max |x|^a / max |W|^(1 - a), of a = 0.3, 0.5, 0.65 and 0.8
/// the one with the least error of x W^T. No channels where none takes a tenth of the error away, and nothing where x is undefined.
Int8Fit int8_fit(const at::Tensor& weight, const at::Tensor& x);

}  // namespace heed
