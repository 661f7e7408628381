// libpng reports an error by longjmp: functions that call setjmp hold nothing that needs a destructor.
#include "heed/data/mask_file.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <vector>

#include "data/formats.h"
#include "data/png_file.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::data {
namespace {

constexpr const char* kMaskFix =
    "save the mask as a PNG of grey values or with a palette, a number a pixel";

void check_mask_type(const std::string& name, int type) {
  if (type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_PALETTE) return;
  const bool colour = type & PNG_COLOR_MASK_COLOR;
  throw DataError(name + ": a mask of " + (colour ? "colours" : "grey") +
                  (type & PNG_COLOR_MASK_ALPHA ? " with alpha" : "") + ", which say no number; " +
                  kMaskFix);
}

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
  PngFile png(file, name, limits, "download or save the mask again");
  png.read_header();
  check_mask_type(name, png.color_type());
  const bool wide = png.bit_depth() == 16;
  // 1, 2 and 4 bits to a byte each, as they are.
  const auto bytes = png.read_pixels([](png_structp of, png_infop) { png_set_packing(of); });
  Mask mask(png.height(), png.width());
  for (size_t i = 0; i < mask.values.size(); ++i)
    mask.values[i] = wide ? bytes[2 * i] * 256 + bytes[2 * i + 1] : bytes[i];
  return mask;
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
  writer.png = png_create_write_struct(
      PNG_LIBPNG_VER_STRING, nullptr, [](png_structp png, png_const_charp) { png_longjmp(png, 1); },
      [](png_structp, png_const_charp) {});
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.info || !writer.write(mask, depth, palette, all.data(), rows.data()))
    throw std::bad_alloc();
  return std::move(writer.out);
}

}  // namespace heed::data
