// COCO's JSON of objects.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heed/data/boxes.h"

namespace heed::data {

struct CocoImage {
  std::string file_name, id;
  std::vector<ObjectBox> boxes;
};

/// Images in the file's order with their annotations' boxes: bbox is x, y, width, height with (0, 0) the upper left corner.
/// A box may leave the image by less than a pixel, as COCO's own do, and is cut there. `name` begins messages. Throws DataError
/// with the line of broken JSON, or the key: one that is missing or of another type, an id that is twice or unknown, a box
/// without area or outside of its image.
std::vector<CocoImage> parse_coco(std::string_view json, const std::string& name);

}  // namespace heed::data
