// A number for each pixel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heed {

/// What each pixel of an image is: a class or an object, row by row; values[y * width + x].
struct Mask {
  int64_t height = 0, width = 0;
  std::vector<int32_t> values = {};

  Mask() = default;
  Mask(int64_t height, int64_t width, int32_t value = 0)
      : height(height), width(width), values(static_cast<size_t>(height * width), value) {}

  int64_t pixels() const noexcept { return height * width; }
  int32_t& at(int64_t y, int64_t x) { return values[static_cast<size_t>(y * width + x)]; }
  int32_t at(int64_t y, int64_t x) const { return values[static_cast<size_t>(y * width + x)]; }
  bool operator==(const Mask&) const = default;
};

}  // namespace heed
