#include <algorithm>

#include "data/formats.h"
#include "data/png_file.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr const char* kImageFix = "download or save the image again";

/// Palettes stay indices, for libpng's own expansion takes an index past the palette for black.
void to_bytes(png_structp png, png_infop info) {
  const int type = png_get_color_type(png, info);
  if (type == PNG_COLOR_TYPE_PALETTE)
    png_set_packing(png);
  else if (png_get_valid(png, info, PNG_INFO_tRNS))
    png_set_tRNS_to_alpha(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  png_set_scale_16(png);
}

class PngReader {
 public:
  PngReader(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits)
      : name_(name), file_(file, name, limits, kImageFix) {}

  ImageShape header() {
    file_.read_header();
    return {file_.color_type() & PNG_COLOR_MASK_COLOR ? 3 : 1, file_.height(), file_.width()};
  }

  Image decode() {
    const ImageShape shape = header();
    const bool is_palette = file_.color_type() == PNG_COLOR_TYPE_PALETTE;
    pixels_ = file_.read_pixels(to_bytes);
    return {shape, planes(shape, is_palette ? expand_palette() : file_.channels())};
  }

 private:
  /// Indices to colours, with alpha where the palette has it. Returns the channels.
  int64_t expand_palette() {
    png_colorp palette = nullptr;  // libpng owns both
    png_bytep alpha = nullptr;
    int size = 0, alpha_size = 0;
    png_get_PLTE(file_.png(), file_.info(), &palette, &size);
    png_get_tRNS(file_.png(), file_.info(), &alpha, &alpha_size, nullptr);
    const int64_t channels = alpha_size > 0 ? 4 : 3;
    std::vector<uint8_t> colours;
    colours.reserve(pixels_.size() * static_cast<size_t>(channels));
    for (const uint8_t index : pixels_) {
      if (index >= size)
        throw DataError(name_ + ": a pixel names colour " + std::to_string(index) +
                        " of a palette of " + std::to_string(size) + "; " + kImageFix);
      const png_color& colour = palette[index];
      colours.insert(colours.end(), {colour.red, colour.green, colour.blue});
      if (channels == 4) colours.push_back(index < alpha_size ? alpha[index] : 255);
    }
    pixels_ = std::move(colours);
    return channels;
  }

  /// Alpha (the last of 2 or 4 channels) multiplied in, then planes.
  std::vector<uint8_t> planes(const ImageShape& shape, int64_t channels) {
    std::vector<uint8_t> values(static_cast<size_t>(shape.values()));
    if (channels == shape.channels) {
      to_planes(pixels_.data(), shape.pixels(), channels, shape.pixels(), values.data());
      return values;
    }
    for (int64_t i = 0; i < shape.pixels(); ++i) {
      const uint8_t* pixel = &pixels_[static_cast<size_t>(i * channels)];
      const int alpha = pixel[shape.channels];
      for (int64_t c = 0; c < shape.channels; ++c)
        values[static_cast<size_t>(c * shape.pixels() + i)] =
            static_cast<uint8_t>((pixel[c] * alpha + 127) / 255);
    }
    return values;
  }

  const std::string& name_;
  PngFile file_;
  std::vector<uint8_t> pixels_;
};

}  // namespace

bool is_png(std::span<const uint8_t> file) noexcept {
  static constexpr uint8_t kMagic[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  return file.size() >= sizeof kMagic && std::equal(kMagic, kMagic + sizeof kMagic, file.begin());
}

ImageShape png_shape(std::span<const uint8_t> file, const std::string& name,
                     const ImageLimits& limits) {
  return PngReader(file, name, limits).header();
}

Image decode_png(std::span<const uint8_t> file, const std::string& name,
                 const ImageLimits& limits) {
  return PngReader(file, name, limits).decode();
}

}  // namespace heed::data
