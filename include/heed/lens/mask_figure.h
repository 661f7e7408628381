// A mask over its image.
#pragma once

#include <string>
#include <vector>

#include "heed/core/mask.h"
#include "heed/data/image.h"
#include "heed/lens/drawing.h"

namespace heed::lens {

struct MaskFigure {
  std::string title, line;  ///< the line stands below the title
  data::Image image;
  Mask numbers;  ///< a class or an object a pixel
  std::vector<std::string> names =
      {};             ///< of classes, by number; empty: the numbers are of objects
  int32_t first = 1;  ///< smaller numbers are background, where the image is seen as it is
};

/// Title and line; the image, enlarged by whole numbers where its longer side is below 640 pixels, with each class or object
/// half in its colour and a full edge of two pixels where two numbers meet; below it the classes and their colours. Throws
/// as Drawing says, and UsageError without an image and for a mask of another size.
Drawing draw(const MaskFigure& figure);

}  // namespace heed::lens
