// PNG files read back.
#pragma once

#include <gtest/gtest.h>
#include <png.h>

#include <string>
#include <vector>

#include "heed/lens/canvas.h"

namespace heed::lens {

/// What libpng reads back.
inline Canvas decoded(const std::string& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
      << image.message;
  image.format = PNG_FORMAT_RGB;
  std::vector<Colour> pixels(size_t{image.width} * image.height);
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr)) << image.message;
  Canvas canvas(image.width, image.height);
  for (int64_t y = 0; y < canvas.height(); ++y) {
    for (int64_t x = 0; x < canvas.width(); ++x) canvas.at(x, y) = pixels[y * canvas.width() + x];
  }
  return canvas;
}

}  // namespace heed::lens
