// The three matrices of a product.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// Any strides, in elements.
template <class T>
struct Left {
  const T* data;
  int64_t row, column;

  Left from(int64_t i) const { return {data + i * row, row, column}; }
};

/// Rows are contiguous and readable up to whole panels.
template <class T>
struct Right {
  const T* data;
  int64_t stride;

  Right from(int64_t i) const { return {data + i * stride, stride}; }
};

/// Rows are contiguous and writable up to whole panels.
template <class T>
struct Result {
  T* data;
  int64_t stride;

  Result from(int64_t i, int64_t j = 0) const { return {data + i * stride + j, stride}; }
};

}  // namespace heed::kernels
