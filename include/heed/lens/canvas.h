// A raster of colours in memory.
#pragma once

#include <cstdint>
#include <vector>

#include "heed/data/image.h"

namespace heed::lens {

/// sRGB, 8 bits each.
struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

inline constexpr Colour kWhite{255, 255, 255};
inline constexpr Colour kInk{32, 32, 36};

class Canvas {
 public:
  /// Throws UsageError unless both sizes are in 1..65535 and the product is at most 2^28.
  Canvas(int64_t width, int64_t height, Colour background = kWhite);
  /// An image, pixel by pixel; grey becomes colour.
  explicit Canvas(const data::Image& image);

  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  Colour& at(int64_t x, int64_t y) { return pixels_[y * width_ + x]; }
  Colour at(int64_t x, int64_t y) const { return pixels_[y * width_ + x]; }
  const Colour* data() const { return pixels_.data(); }  ///< row by row, no gaps

  /// What lies outside of the canvas is cut off.
  void fill(int64_t x, int64_t y, int64_t width, int64_t height, Colour colour);
  void paste(const Canvas& other, int64_t x, int64_t y);

  /// Each pixel becomes factor x factor of its colour.
  Canvas enlarged(int64_t factor) const;
  /// The same of `across` columns and `down` rows.
  Canvas enlarged(int64_t across, int64_t down) const;

 private:
  int64_t width_, height_;
  std::vector<Colour> pixels_;
};

}  // namespace heed::lens
