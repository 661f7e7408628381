// Images as PNG files.
#pragma once

#include <string>

#include "heed/data/image.h"

namespace heed::data {

/// A PNG of 8 bits, grey or RGB, which decode_image reads back as it is.
std::string encode_image(const Image& image);

}  // namespace heed::data
