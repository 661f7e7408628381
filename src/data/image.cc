#include "heed/data/image.h"

#include <algorithm>
#include <cstdio>

#include "core/bytes.h"
#include "data/exif.h"
#include "data/formats.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kLargestFile = int64_t{1} << 30;

/// The format of an image that is neither PNG nor JPEG, by its first bytes; empty: not known.
std::string other_format(std::span<const uint8_t> file) {
  const std::string begin(file.begin(), file.begin() + std::min<long>(16, std::ssize(file)));
  if (begin.starts_with("GIF8")) return "GIF";
  if (begin.starts_with("BM")) return "BMP";
  if (begin.starts_with("RIFF") && begin.substr(std::min<size_t>(8, begin.size()), 4) == "WEBP")
    return "WebP";
  if (begin.starts_with(std::string("II*\0", 4)) || begin.starts_with(std::string("MM\0*", 4)))
    return "TIFF";
  if (begin.substr(std::min<size_t>(4, begin.size()), 4) == "ftyp") return "HEIF or AVIF";
  return "";
}

[[noreturn]] void not_an_image(std::span<const uint8_t> file, const std::string& name) {
  if (const auto format = other_format(file); !format.empty())
    throw DataError(name + ": " + format +
                    ", and images are PNG or JPEG; convert it: magick IN OUT.png");
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
                    " in all; make the image smaller, or raise input.max_pixels");
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
