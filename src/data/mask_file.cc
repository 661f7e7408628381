// libpng reports an error by longjmp: functions that call setjmp hold nothing that needs a destructor.
#include "heed/data/mask_file.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <vector>

#include "data/formats.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

constexpr int64_t kMaskCompression = 1032;  // what deflate packs into a byte at most
constexpr png_alloc_size_t kMaskLargestChunk = 64 << 20;
constexpr const char* kMaskFix =
    "save the mask as a PNG of grey values or with a palette, a number a pixel";

class MaskReader {
 public:
  MaskReader(std::span<const uint8_t> file, const std::string& name, const ImageLimits& limits)
      : file_(file), name_(name), limits_(limits) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~MaskReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  MaskReader(const MaskReader&) = delete;
  MaskReader& operator=(const MaskReader&) = delete;

  Mask decode() {
    if (!read_header()) fail();
    const int64_t width = png_get_image_width(png_, info_);
    const int64_t height = png_get_image_height(png_, info_);
    check_limits(name_, height, width, limits_);
    check_type();
    if (!prepare()) fail();
    const auto row = static_cast<int64_t>(png_get_rowbytes(png_, info_));
    if (height * row / kMaskCompression > std::ssize(file_))
      throw DataError(name_ + ": " + std::to_string(file_.size()) + " bytes cannot hold the " +
                      std::to_string(height) + " x " + std::to_string(width) +
                      " pixels of its header; download or save it again");
    bytes_.resize(static_cast<size_t>(height * row));
    for (int64_t y = 0; y < height; ++y) rows_.push_back(bytes_.data() + y * row);
    if (!read_rows()) fail();
    return numbers(height, width);
  }

 private:
  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_read_fn(png_, this, on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png_, kMaskLargestChunk);
    png_read_info(png_, info_);
    return true;
  }
  bool prepare() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_packing(png_);  // 1, 2 and 4 bits to a byte each, as they are
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

  void check_type() const {
    const int type = png_get_color_type(png_, info_);
    if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_PALETTE) return;
    const bool colour = type & PNG_COLOR_MASK_COLOR;
    throw DataError(name_ + ": a mask of " + (colour ? "colours" : "grey") +
                    (type & PNG_COLOR_MASK_ALPHA ? " with alpha" : "") + ", which say no number; " +
                    kMaskFix);
  }

  Mask numbers(int64_t height, int64_t width) const {
    Mask mask(height, width);
    const bool wide = png_get_bit_depth(png_, info_) == 16;
    for (size_t i = 0; i < mask.values.size(); ++i)
      mask.values[i] = wide ? bytes_[2 * i] * 256 + bytes_[2 * i + 1] : bytes_[i];
    return mask;
  }

  [[noreturn]] void fail() const {
    if (std::string_view(message_).find("memory") != std::string_view::npos) throw std::bad_alloc();
    throw DataError(name_ + ": the PNG is damaged: " + message_ +
                    "; download or save the mask again");
  }

  static void on_read(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<MaskReader*>(png_get_io_ptr(png));
    if (count > self->file_.size() - self->position_) png_error(png, "it is cut short");
    std::memcpy(out, self->file_.data() + self->position_, count);
    self->position_ += count;
  }
  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<MaskReader*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", message);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  std::span<const uint8_t> file_;
  const std::string& name_;
  const ImageLimits& limits_;
  size_t position_ = 0;
  char message_[256] = "";
  std::vector<uint8_t> bytes_;
  std::vector<png_bytep> rows_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

/// 0 black; then the corners of the cube of colours, its edges' middles and so on: the bits of the
/// number, three at a time from the lowest, are those of red, green and blue from the highest (the
/// colours of Pascal VOC's masks).
std::array<uint8_t, 3> colour_of(int number) {
  std::array<uint8_t, 3> colour{};
  for (int bit = 7; number > 0; --bit, number >>= 3)
    for (size_t c = 0; c < 3; ++c)
      colour[c] = static_cast<uint8_t>(colour[c] | ((number >> c & 1) << bit));
  return colour;
}

/// Writes rows to `out`; false where libpng fails.
struct MaskWriter {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string out;

  ~MaskWriter() { png_destroy_write_struct(&png, &info); }
  static void on_write(png_structp png, png_bytep bytes, size_t count) {
    // An exception must not pass through C.
    try {
      static_cast<MaskWriter*>(png_get_io_ptr(png))
          ->out.append(reinterpret_cast<const char*>(bytes), count);
    } catch (...) {
      png_error(png, "no memory");
    }
  }
  static void on_flush(png_structp) {}

  bool write(const Mask& mask, int depth, bool palette, png_colorp colours, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_write_fn(png, this, on_write, on_flush);
    png_set_IHDR(png, info, static_cast<png_uint_32>(mask.width),
                 static_cast<png_uint_32>(mask.height), depth,
                 palette ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (palette) png_set_PLTE(png, info, colours, 256);
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, info);
    return true;
  }
};

}  // namespace

Mask decode_mask(std::span<const uint8_t> file, const std::string& name,
                 const ImageLimits& limits) {
  if (!is_png(file)) throw DataError(name + ": a mask that is no PNG; " + kMaskFix);
  return MaskReader(file, name, limits).decode();
}

Mask read_mask(const std::filesystem::path& file, const ImageLimits& limits) {
  const auto bytes = read_text(file);
  return decode_mask({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, file.string(),
                     limits);
}

std::string encode_mask(const Mask& mask, MaskColours colours) {
  if (mask.values.empty()) throw UsageError("mask: it has no pixels");
  const auto [least, most] = std::minmax_element(mask.values.begin(), mask.values.end());
  const bool palette = colours == MaskColours::palette;
  const int32_t limit = palette ? 255 : 65535;
  if (*least < 0 || *most > limit)
    throw UsageError("mask: expected numbers of 0 .. " + std::to_string(limit) + ", given " +
                     std::to_string(*least) + " .. " + std::to_string(*most));
  const int depth = *most > 255 ? 16 : 8;
  std::vector<uint8_t> bytes;
  bytes.reserve(mask.values.size() * static_cast<size_t>(depth / 8));
  for (const int32_t value : mask.values) {
    if (depth == 16) bytes.push_back(static_cast<uint8_t>(value >> 8));
    bytes.push_back(static_cast<uint8_t>(value & 255));
  }
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < mask.height; ++y)
    rows.push_back(bytes.data() + y * mask.width * (depth / 8));
  std::array<png_color, 256> all{};
  for (int i = 0; i < 256; ++i) {
    const auto [red, green, blue] = colour_of(i);
    all[static_cast<size_t>(i)] = {red, green, blue};
  }
  MaskWriter writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.info || !writer.write(mask, depth, palette, all.data(), rows.data()))
    throw std::bad_alloc();
  return std::move(writer.out);
}

}  // namespace heed::data
