// Images in memory, read from PNG and JPEG.
#pragma once

#include <array>
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
/// Gamma and colour profiles are not applied. JPEG: grey stays 1 channel, colour becomes 3; CMYK and
/// YCCK are refused by name. Both are turned and mirrored as the tag Orientation of their EXIF data says (JPEG: the
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

/// How pixels are computed at another size: by a triangle, or by the cubic convolution with a = -1/2 (Keys 1981).
enum class Resample { bilinear, bicubic };
constexpr std::array<const char*, 2> words(Resample) { return {"bilinear", "bicubic"}; }

/// A part of an image, in its pixels; it may begin and end within them.
struct Box {
  double x0, y0, x1, y1;
};

/// The image at another size, of `box` of it. Bit for bit what Pillow's Image.resize gives (up to
/// 12.3; 13.0 has another order of passes for some sizes): across, then down, each an output pixel a sum of inputs by a filter as wide as the scale (at least as one
/// pixel), so that shrinking averages; weights are rounded to 22 bits behind the point and each sum
/// to the nearest of 0..255. O(H W (h/H + w/W)). Throws UsageError for height or width below 1, and
/// for a box that is empty or goes beyond the image.
Image resize(const Image& image, int64_t height, int64_t width,
             Resample resample = Resample::bilinear);
Image resize(const Image& image, const Box& box, int64_t height, int64_t width, Resample resample);

/// The image with 1 or 3 channels: grey = 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), the
/// weights rounded to 16 bits behind the point and the sum to the nearest, as Pillow's "L"; or grey
/// thrice.
Image with_channels(const Image& image, int64_t channels);

}  // namespace heed::data
