#include <png.h>

#include "heed/core/error.h"
#include "heed/lens/draw.h"
#include "lens/page.h"

namespace heed::lens {

std::string encode_rgb(const uint8_t* pixels, int64_t width, int64_t height) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels, 0, nullptr)) {
    // libpng says it in words alone
    if (std::string_view(image.message).find("memory") != std::string_view::npos)
      throw std::bad_alloc();
    throw FileError(std::string("cannot encode a PNG: ") + image.message);
  }
  bytes.resize(size);
  return bytes;
}

std::string encode_png(const Canvas& canvas) {
  static_assert(sizeof(Colour) == 3, "libpng reads the canvas as it lies in memory");
  return encode_rgb(&canvas.data()->red, canvas.width(), canvas.height());
}

}  // namespace heed::lens
