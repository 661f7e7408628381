// libpng reports an error by longjmp. Every function that calls setjmp therefore holds nothing that
// needs a destructor; what does lives in PngReader.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "data/formats.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

// Deflate packs at most 1032 bytes into one; a header that promises more than that lies.
constexpr int64_t kBestCompression = 1032;
constexpr png_alloc_size_t kLargestChunk = 64 << 20;  // of text, profiles and the like

class PngReader {
 public:
  PngReader(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits)
      : file_(file), name_(name), limits_(limits) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  ImageShape header() {
    if (!read_header()) fail();
    const int64_t width = png_get_image_width(png_, info_);
    const int64_t height = png_get_image_height(png_, info_);
    check_limits(name_, height, width, limits_);
    return {png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR ? 3 : 1, height, width};
  }

  Image decode() {
    const ImageShape shape = header();
    const int64_t packed = shape.height * static_cast<int64_t>(png_get_rowbytes(png_, info_));
    if (packed / kBestCompression > static_cast<int64_t>(file_.size()))
      throw DataError(name_ + ": " + std::to_string(file_.size()) + " bytes cannot hold the " +
                      to_text(shape) + " pixels of its header; " + kFix);
    if (!prepare()) fail();
    int64_t channels = png_get_channels(png_, info_);
    pixels_.resize(static_cast<size_t>(shape.pixels() * channels));
    for (int64_t y = 0; y < shape.height; ++y)
      rows_.push_back(pixels_.data() + y * shape.width * channels);
    if (!read_rows()) fail();
    if (palette_) channels = expand_palette();
    return {shape, planes(shape, channels)};
  }

 private:
  static constexpr const char* kFix = "download or save the image again";

  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, this, on_read);
    // The limits are ours to report; libpng's own would not say which was passed.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png_, kLargestChunk);
    png_read_info(png_, info_);
    return true;
  }

  bool prepare() {
    if (setjmp(png_jmpbuf(png_))) return false;
    const int type = png_get_color_type(png_, info_);
    if (type == PNG_COLOR_TYPE_PALETTE) {
      png_get_PLTE(png_, info_, &palette_, &palette_size_);
      png_get_tRNS(png_, info_, &palette_alpha_, &palette_alpha_size_, nullptr);
      png_set_packing(png_);
    } else if (png_get_valid(png_, info_, PNG_INFO_tRNS)) {
      png_set_tRNS_to_alpha(png_);
    }
    if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_scale_16(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
    return true;
  }

  /// Indices to colours, with alpha where the palette has it; libpng's own expansion takes an index
  /// past the palette for black. Returns the channels.
  int64_t expand_palette() {
    const int64_t channels = palette_alpha_size_ > 0 ? 4 : 3;
    std::vector<uint8_t> colours;
    colours.reserve(pixels_.size() * static_cast<size_t>(channels));
    for (const uint8_t index : pixels_) {
      if (index >= palette_size_)
        throw DataError(name_ + ": a pixel names colour " + std::to_string(index) +
                        " of a palette of " + std::to_string(palette_size_) + "; " + kFix);
      const png_color& colour = palette_[index];
      colours.insert(colours.end(), {colour.red, colour.green, colour.blue});
      if (channels == 4)
        colours.push_back(index < palette_alpha_size_ ? palette_alpha_[index] : 255);
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

  [[noreturn]] void fail() const {
    // libpng says it in words alone
    if (std::string_view(message_).find("memory") != std::string_view::npos) throw std::bad_alloc();
    throw DataError(name_ + ": the PNG is damaged: " + message_ + "; " + kFix);
  }

  static void on_read(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > self->file_.size() - self->position_) png_error(png, "it is cut short");
    std::memcpy(out, self->file_.data() + self->position_, count);
    self->position_ += count;
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", message);
    png_longjmp(png, 1);
  }

  // Warnings are about chunks that Heed does not use (profiles, text); errors in pixels are errors.
  static void on_warning(png_structp, png_const_charp) {}

  std::span<const uint8_t> file_;
  const std::string& name_;
  const ImageLimits& limits_;
  size_t position_ = 0;
  char message_[256] = "";
  png_colorp palette_ = nullptr;  ///< of a palette image; libpng owns it
  png_bytep palette_alpha_ = nullptr;
  int palette_size_ = 0, palette_alpha_size_ = 0;
  std::vector<uint8_t> pixels_;
  std::vector<png_bytep> rows_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
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
