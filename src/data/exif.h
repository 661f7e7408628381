// How a camera was held: the tag Orientation of EXIF (CIPA DC-008, TIFF 6.0), nothing else of it.
#pragma once

#include <cstdint>
#include <span>

#include "heed/data/image.h"

namespace heed::data {

/// Orientation of a PNG or JPEG file, 1 .. 8, from what stands before its pixels: the first APP1
/// segment that begins with "Exif", the chunk eXIf. 1, as it is, where there is none or what is
/// there is damaged: EXIF that cannot be read says nothing.
int orientation_of(std::span<const uint8_t> file) noexcept;

/// The shape of an image that is shown as `orientation` says: 5 .. 8 exchange its sides.
ImageShape oriented(const ImageShape& shape, int orientation) noexcept;

/// The image as it is to be shown. 2 mirrors left and right, 3 turns by 180 degrees, 4 mirrors top
/// and bottom, 5 exchanges rows and columns, 6 turns clockwise by 90 degrees, 7 exchanges rows and
/// columns and turns by 180, 8 turns anticlockwise by 90. O(pixels).
Image oriented(Image image, int orientation);

}  // namespace heed::data
