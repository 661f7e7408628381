// Weights over an image, arranged: what `heed map` shows, for a file or a terminal.
#pragma once

#include <torch/types.h>

#include <span>
#include <string>
#include <vector>

#include "heed/data/image.h"
#include "heed/lens/drawing.h"
#include "heed/lens/heat.h"

namespace heed::lens {

/// One map over the image.
struct Panel {
  std::string title;  ///< "layer 1 head 2"
  at::Tensor values;  ///< (rows, columns), laid over the whole image
};

/// Panels that share one scale, so that their colours can be compared.
struct Strip {
  std::vector<Panel> panels = {};
  bool is_signed = false;  ///< two hues, a scale symmetric about 0, and the image itself shows at 0
  std::string note = {};   ///< behind the legend: the method, what is left out
  size_t across = 0;       ///< panels of an image in a row, the others below; 0: all in one

  /// The panels of each row, from the first.
  std::vector<std::span<const Panel>> rows() const;
  Scale scale() const;
};

struct Figure {
  std::string title;
  std::vector<std::string> lines;  ///< beside the image: the prediction, what is shown
  data::Image image;
  std::vector<Strip> strips;  ///< one under the other
};

/// Title; the image with the lines beside it; then each strip: its panels side by side, each under
/// its title, and the strip's legend. Pixels are square, images keep their proportions. Throws as
/// Drawing says, and UsageError without an image.
Drawing draw(const Figure& figure);

}  // namespace heed::lens
