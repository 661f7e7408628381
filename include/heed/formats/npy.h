// Arrays as NumPy's files have them (.npy, version 1.0).
#pragma once

#include <torch/types.h>

#include <string>

namespace heed {

/// The bytes of a file of a dense tensor in C order, little-endian: float64, float32, float16, int64,
/// int32, int16, int8, uint8 or bool. Throws UsageError for another dtype.
std::string npy_bytes(const at::Tensor& tensor);

}  // namespace heed
