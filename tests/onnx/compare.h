// How far an output is from what was expected.
#pragma once

#include <torch/types.h>

#include <string>

namespace heed::onnx {

struct Difference {
  double error = 0;  ///< see compare(); infinite where the outputs cannot be compared
  bool agrees = true;
  std::string reason = {};  ///< why they cannot be compared
};

/// The largest |given - expected| over the largest finite |expected| (over 1 where that is 0);
/// infinities and NaN must stand at the same places. Agreement: float64 1e-10, float32 1e-5,
/// float16 2e-3, bfloat16 1.6e-2, or that of `precision` where it is coarser; everything else
/// exactly.
Difference compare(const at::Tensor& given, const at::Tensor& expected,
                   at::ScalarType precision = at::ScalarType::Undefined);

}  // namespace heed::onnx
