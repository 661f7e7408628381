// Masks as PNG files: a class or an object's number a pixel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "heed/core/mask.h"
#include "heed/data/image.h"

namespace heed::data {

/// The numbers that a whole PNG holds, as they are: of a palette the index of a pixel's colour, of
/// grey the value, 1 to 16 bits. The tag Orientation is not followed: a mask lies as its image is
/// shown. `name` stands in messages. Throws DataError with the name, what is wrong and the fix: not a PNG,
/// colours or alpha, which are no numbers, over `limits`, cut short, damaged. O(pixels).
Mask decode_mask(std::span<const uint8_t> file, const std::string& name,
                 const ImageLimits& limits = {});

/// Reads and decodes a file. Throws FileError where it cannot be read, DataError like decode_mask.
Mask read_mask(const std::filesystem::path& file, const ImageLimits& limits = {});

/// How numbers become a PNG that decode_mask reads.
enum class MaskColours {
  palette,  ///< up to 256 numbers, each with a colour of its own; 0 black
  grey,     ///< 8 bits, or 16 where a number is above 255
};

/// Throws UsageError for numbers that the format has not (below 0, above 255 or 65535).
std::string encode_mask(const Mask& mask, MaskColours colours);

}  // namespace heed::data
