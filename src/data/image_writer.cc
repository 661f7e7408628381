#include "data/image_writer.h"

#include <png.h>

#include <new>
#include <string_view>

#include "heed/core/error.h"

namespace heed::data {

std::string encode_image(const Image& image) {
  const auto& shape = image.shape;
  std::string pixels(static_cast<size_t>(shape.values()), '\0');  // channels of a pixel together
  for (int64_t c = 0; c < shape.channels; ++c)
    for (int64_t i = 0; i < shape.pixels(); ++i)
      pixels[static_cast<size_t>(i * shape.channels + c)] =
          static_cast<char>(image.values[static_cast<size_t>(c * shape.pixels() + i)]);
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(shape.width);
  header.height = static_cast<png_uint_32>(shape.height);
  header.format = shape.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, pixels.data(), 0, nullptr)) {
    // libpng says it in words alone
    if (std::string_view(header.message).find("memory") != std::string_view::npos)
      throw std::bad_alloc();
    throw FileError(std::string("cannot encode a PNG: ") + header.message);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace heed::data
