// Images that were drawn, beside each other in one PNG.
#pragma once

#include <string>
#include <vector>

#include "heed/data/image.h"

namespace heed {

/// The images, all of one shape, row by row in a square or as good as one, dark grey lines of two pixels between them.
data::Image sheet_of(const std::vector<data::Image>& images);

}  // namespace heed
