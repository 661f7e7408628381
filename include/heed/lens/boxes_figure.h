// Boxes on an image.
#pragma once

#include <string>
#include <vector>

#include "heed/data/image.h"
#include "heed/lens/drawing.h"

namespace heed::lens {

/// A rectangle in pixels of the image; `kind`, from 0, chooses its colour.
struct FigureBox {
  std::string label;  ///< "RBC 0.98"
  int64_t kind = 0;
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
};

struct BoxesFigure {
  std::string title;
  data::Image image;
  std::vector<FigureBox> boxes;  ///< the first lies on top
};

/// Title; the image, enlarged by whole numbers where its longer side is below 640 pixels; each box in its kind's colour with its
/// label at the upper left corner. Throws as Drawing says, and UsageError without an image.
Drawing draw(const BoxesFigure& figure);

}  // namespace heed::lens
