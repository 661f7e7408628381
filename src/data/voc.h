// One annotation of Pascal VOC: the XML beside an image.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heed/data/boxes.h"

namespace heed::data {

struct VocAnnotation {
  std::string filename;  ///< of the image, as it is written
  int64_t width = 0, height = 0;
  std::vector<ObjectBox> boxes;
};

/// Reads annotation/filename, size/width, size/height and each object's name, difficult and bndbox. VOC counts pixels from 1
/// and xmax, ymax are the last that belong to the object (Everingham et al. 2010, the development kit's documents): a box is
/// xmin - 1, ymin - 1, xmax, ymax. Other elements are passed over.
///
/// `name` begins messages. Throws DataError with line and field: XML that expat refuses, a document type (VOC has none, and
/// entities may be endless), an element that is missing or twice, a number that is none, a box without area or outside of
/// the image.
VocAnnotation parse_voc(std::string_view xml, const std::string& name);

}  // namespace heed::data
