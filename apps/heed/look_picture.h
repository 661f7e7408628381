// One head's map as a file.
#pragma once

#include <string>

#include "look_state.h"

namespace heed::cli {

struct PictureFile {
  std::string name, content_type, bytes;
};

/// `format`: png, svg, pdf or html. Of images the map lies on the image. Throws HttpError for another
/// format, UsageError for what cannot be drawn.
PictureFile picture_of(const Seen& seen, size_t map, int64_t head, const std::string& format);

}  // namespace heed::cli
