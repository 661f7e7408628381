#pragma once

#include <cstdint>
#include <string>

namespace heed {

/// The extent of an image: channels (1 grey, 3 red-green-blue), height and width in pixels.
struct ImageShape {
  int64_t channels = 0, height = 0, width = 0;

  int64_t pixels() const noexcept { return height * width; }
  int64_t values() const noexcept { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

/// "1 x 28 x 28": channels x height x width.
std::string to_text(const ImageShape& shape);

}  // namespace heed
