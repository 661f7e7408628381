// Images in memory, read from PNG and JPEG.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "heed/core/image_shape.h"

namespace heed::data {

/// 8-bit values (0 black, 255 full), plane after plane: values[(c * height + y) * width + x].
struct Image {
  ImageShape shape;
  std::vector<uint8_t> values;
};

/// What an image may be at most; checked on the header, before memory is taken.
struct ImageLimits {
  int64_t side = 1 << 16;    ///< pixels of height or width
  int64_t pixels = 1 << 26;  ///< height x width: 64 Mpixel, 192 MiB in colour
};

/// Decodes a whole PNG or JPEG file; which of the two, its first bytes say, not its name. `name`
/// stands in messages.
///
/// PNG: grey stays 1 channel, colour and palettes become 3. 1, 2 and 4 bits are scaled to 0..255,
/// 16 bits rounded to 8. Alpha and transparent colours are composed over black: value * alpha.
/// Gamma and colour profiles are not applied. JPEG: grey stays 1 channel, colour becomes 3; CMYK is
/// refused. Both are turned and mirrored as the tag Orientation of their EXIF data says (JPEG: the
/// first APP1 segment with Exif, PNG: the chunk eXIf, both before the pixels), as a viewer shows
/// them; EXIF data that is damaged says nothing. Throws DataError with the name, what is wrong and
/// the fix: not a PNG or JPEG, over `limits`, cut short, damaged. What the JPEG library only warns
/// of (it then makes up pixels) is an error too. Cost: O(pixels).
Image decode_image(std::span<const uint8_t> file, const std::string& name,
                   const ImageLimits& limits = {});

/// The shape that decode_image would give, from the header alone. Throws like decode_image, except
/// that damage behind the header is not seen.
ImageShape image_shape(std::span<const uint8_t> file, const std::string& name,
                       const ImageLimits& limits = {});

/// Reads and decodes a file, or what a pipe brings. Throws FileError where it cannot be read,
/// DataError like decode_image.
Image read_image(const std::filesystem::path& file, const ImageLimits& limits = {});

/// The image at another size. Each axis by itself: weights are a triangle as wide as the scale
/// (at least one pixel), so enlarging is bilinear and shrinking averages; the result is rounded to
/// the nearest. O(H W (h/H + w/W)). height, width >= 1.
Image resize(const Image& image, int64_t height, int64_t width);

/// The image with 1 or 3 channels: grey = 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), or
/// grey thrice.
Image with_channels(const Image& image, int64_t channels);

}  // namespace heed::data
