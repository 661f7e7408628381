// A PNG in memory, read by libpng.
#pragma once

#include <png.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "heed/data/image.h"

namespace heed::data {

/// libpng reports an error by longjmp. Every function that calls setjmp therefore holds nothing that
/// needs a destructor; what does lives here.
class PngFile {
 public:
  /// `fix` ends messages: "download or save the image again". All of these outlive it.
  PngFile(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits,
          const char* fix);
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  /// Reads what stands before the pixels. Throws DataError for what is damaged, or larger than the limits.
  void read_header();
  /// The pixels, row by row, as libpng makes them after `change` has asked for its transformations; that is left by longjmp,
  /// too. Throws DataError for what is damaged, and for more pixels than the file can hold, before memory is taken.
  std::vector<uint8_t> read_pixels(void (*change)(png_structp, png_infop));

  int64_t width() const { return png_get_image_width(png_, info_); }
  int64_t height() const { return png_get_image_height(png_, info_); }
  int color_type() const { return png_get_color_type(png_, info_); }
  int bit_depth() const { return png_get_bit_depth(png_, info_); }
  int64_t channels() const { return png_get_channels(png_, info_); }
  png_structp png() const { return png_; }
  png_infop info() const { return info_; }

 private:
  bool begin();
  bool prepare(void (*change)(png_structp, png_infop));
  bool read_rows(png_bytepp rows);
  [[noreturn]] void fail() const;
  static void on_read(png_structp png, png_bytep out, size_t count);
  static void on_error(png_structp png, png_const_charp message);

  std::span<const uint8_t> file_;
  const std::string& name_;
  const ImageLimits& limits_;
  const char* fix_;
  size_t position_ = 0;
  char message_[256] = "";
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace heed::data
