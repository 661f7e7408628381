#include "heed/data/image.h"

#include <cstdio>

#include "core/bytes.h"
#include "data/exif.h"
#include "data/formats.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kLargestFile = int64_t{1} << 30;

[[noreturn]] void not_an_image(std::span<const uint8_t> file, const std::string& name) {
  std::string begin = file.empty() ? "it is empty" : "it begins with";
  for (size_t i = 0; i < 8 && i < file.size(); ++i) {
    char text[8];
    std::snprintf(text, sizeof text, " %02x", file[i]);
    begin += text;
  }
  throw DataError(name + ": not a PNG or JPEG image (" + begin + "); convert or remove it");
}

}  // namespace

void check_limits(const std::string& name, int64_t height, int64_t width,
                  const ImageLimits& limits) {
  const std::string size = std::to_string(height) + " x " + std::to_string(width) + " pixels";
  if (height < 1 || width < 1) throw DataError(name + ": an image of " + size + " shows nothing");
  // Each side is checked first, so the product cannot overflow.
  if (height > limits.side || width > limits.side || height * width > limits.pixels)
    throw DataError(name + ": " + size + " are over the limit of " + std::to_string(limits.side) +
                    " a side and " + std::to_string(limits.pixels) +
                    " in all; make the image smaller");
}

void to_planes(const uint8_t* interleaved, int64_t count, int64_t channels, int64_t plane,
               uint8_t* out) noexcept {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t i = 0; i < count; ++i) out[c * plane + i] = interleaved[i * channels + c];
}

Image decode_image(std::span<const uint8_t> file, const std::string& name,
                   const ImageLimits& limits) {
  if (is_png(file)) return oriented(decode_png(file, name, limits), orientation_of(file));
  if (is_jpeg(file)) return oriented(decode_jpeg(file, name, limits), orientation_of(file));
  not_an_image(file, name);
}

ImageShape image_shape(std::span<const uint8_t> file, const std::string& name,
                       const ImageLimits& limits) {
  if (is_png(file)) return oriented(png_shape(file, name, limits), orientation_of(file));
  if (is_jpeg(file)) return oriented(jpeg_shape(file, name, limits), orientation_of(file));
  not_an_image(file, name);
}

Image read_image(const std::filesystem::path& file, const ImageLimits& limits) {
  return decode_image(read_bytes_once(file, kLargestFile), file.string(), limits);
}

}  // namespace heed::data
