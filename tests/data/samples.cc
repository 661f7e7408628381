#include "data/samples.h"

#include <png.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
// jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

namespace heed::test {

std::filesystem::path TempFolder::write(const std::string& name,
                                        std::span<const uint8_t> bytes) const {
  const std::filesystem::path file = path() / name;
  std::filesystem::create_directories(file.parent_path());
  write_bytes(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return file;
}

Bytes gzip(std::span<const uint8_t> bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, bytes.size()));
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Bytes idx(const std::vector<uint32_t>& sizes, std::span<const uint8_t> values) {
  Bytes out = {0, 0, 8, static_cast<uint8_t>(sizes.size())};
  for (const uint32_t size : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(size >> shift));
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

namespace {
void append(png_structp png, png_bytep data, size_t size) {
  auto* out = static_cast<Bytes*>(png_get_io_ptr(png));
  out->insert(out->end(), data, data + size);
}
}  // namespace

Bytes png(const PngSample& sample) {
  Bytes out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, sample.width, sample.height, sample.depth, sample.color_type,
               sample.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!sample.palette.empty())
    png_set_PLTE(png, info, reinterpret_cast<png_const_colorp>(sample.palette.data()),
                 static_cast<int>(sample.palette.size() / 3));
  if (!sample.alpha.empty())
    png_set_tRNS(png, info, sample.alpha.data(), static_cast<int>(sample.alpha.size()), nullptr);
  png_write_info(png, info);
  png_set_interlace_handling(png);
  const size_t row = sample.rows.size() / sample.height;
  std::vector<png_bytep> rows;
  for (size_t y = 0; y < sample.height; ++y)
    rows.push_back(const_cast<png_bytep>(sample.rows.data() + y * row));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

Bytes jpeg(const JpegSample& sample) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = sample.width;
  jpeg.image_height = sample.height;
  jpeg.input_components = sample.components;
  jpeg.in_color_space = sample.components == 1   ? JCS_GRAYSCALE
                        : sample.components == 3 ? JCS_RGB
                                                 : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 95, TRUE);
  if (sample.progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  const size_t row = sample.rows.size() / sample.height;
  for (size_t y = 0; y < sample.height; ++y) {
    JSAMPROW at = const_cast<JSAMPROW>(sample.rows.data() + y * row);
    jpeg_write_scanlines(&jpeg, &at, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  Bytes out(memory, memory + size);
  std::free(memory);
  return out;
}

Bytes plain_png(const ImageShape& shape, uint8_t value) {
  return png({.height = static_cast<uint32_t>(shape.height),
              .width = static_cast<uint32_t>(shape.width),
              .color_type = shape.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
              .rows = Bytes(static_cast<size_t>(shape.values()), value)});
}

}  // namespace heed::test
