// The image formats behind decode_image, each in its own file.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "heed/data/image.h"

namespace heed::data {

bool is_png(std::span<const uint8_t> file) noexcept;
bool is_jpeg(std::span<const uint8_t> file) noexcept;

ImageShape png_shape(std::span<const uint8_t> file, const std::string& name,
                     const ImageLimits& limits);
ImageShape jpeg_shape(std::span<const uint8_t> file, const std::string& name,
                      const ImageLimits& limits);

Image decode_png(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits);
Image decode_jpeg(std::span<const uint8_t> file, const std::string& name,
                  const ImageLimits& limits);

/// Throws DataError for an image of no pixels or over the limits.
void check_limits(const std::string& name, int64_t height, int64_t width,
                  const ImageLimits& limits);

/// `count` interleaved pixels (r g b r g b ..) to planes that lie `plane` values apart.
void to_planes(const uint8_t* interleaved, int64_t count, int64_t channels, int64_t plane,
               uint8_t* out) noexcept;

}  // namespace heed::data
