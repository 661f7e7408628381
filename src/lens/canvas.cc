#include "heed/lens/canvas.h"

#include <algorithm>
#include <string>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

constexpr int64_t kLargestSide = 65535, kLargestArea = int64_t{1} << 28;

int64_t checked_area(int64_t width, int64_t height) {
  const bool sides = width >= 1 && height >= 1 && width <= kLargestSide && height <= kLargestSide;
  if (!sides || width * height > kLargestArea) {
    throw UsageError("a canvas of " + std::to_string(width) + " x " + std::to_string(height) +
                     " pixels: expected sides of 1.." + std::to_string(kLargestSide) +
                     " and at most " + std::to_string(kLargestArea) + " pixels");
  }
  return width * height;
}

}  // namespace

Canvas::Canvas(int64_t width, int64_t height, Colour background)
    : width_(width), height_(height), pixels_(checked_area(width, height), background) {}

Canvas::Canvas(const data::Image& image) : Canvas(image.shape.width, image.shape.height) {
  const int64_t plane = image.shape.pixels();
  const int64_t green = image.shape.channels == 3 ? plane : 0;
  for (int64_t i = 0; i < plane; ++i) {
    const uint8_t* value = image.values.data() + i;
    pixels_[i] = {value[0], value[green], value[2 * green]};
  }
}

void Canvas::fill(int64_t x, int64_t y, int64_t width, int64_t height, Colour colour) {
  const int64_t right = std::min(x + width, width_), bottom = std::min(y + height, height_);
  for (int64_t row = std::max<int64_t>(y, 0); row < bottom; ++row) {
    for (int64_t column = std::max<int64_t>(x, 0); column < right; ++column) {
      at(column, row) = colour;
    }
  }
}

void Canvas::paste(const Canvas& other, int64_t x, int64_t y) {
  const int64_t right = std::min(x + other.width_, width_);
  const int64_t bottom = std::min(y + other.height_, height_);
  for (int64_t row = std::max<int64_t>(y, 0); row < bottom; ++row) {
    for (int64_t column = std::max<int64_t>(x, 0); column < right; ++column) {
      at(column, row) = other.at(column - x, row - y);
    }
  }
}

Canvas Canvas::enlarged(int64_t factor) const { return enlarged(factor, factor); }

Canvas Canvas::enlarged(int64_t across, int64_t down) const {
  Canvas result(width_ * across, height_ * down);
  for (int64_t y = 0; y < result.height_; ++y) {
    for (int64_t x = 0; x < result.width_; ++x) result.at(x, y) = at(x / across, y / down);
  }
  return result;
}

}  // namespace heed::lens
