// Weights over an image, arranged: what `heed map` shows, for a file or a terminal.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/data/image.h"
#include "heed/lens/heat.h"

namespace heed::lens {

/// One map over the image.
struct Panel {
  std::string title;  ///< "layer 1 head 2"
  at::Tensor values;  ///< (rows, columns), laid over the whole image
};

/// Panels that share one scale, so that their colours can be compared.
struct Strip {
  std::vector<Panel> panels;

  Scale scale() const;
};

struct Figure {
  std::string title;
  std::vector<std::string> lines;  ///< beside the image: the prediction, what is shown
  data::Image image;
  std::vector<Strip> strips;  ///< one under the other
};

/// The figure as a PNG file's bytes. The fonts are those of the machine, or the built-in one; what
/// no font has becomes a box, and `note`, where it is given, a sentence about it (see
/// text_figure.h).
std::string to_png(const Figure& figure, std::string* note = nullptr);

/// The figure as an SVG 1.1 document: text as text (XML-escaped; what XML cannot hold becomes
/// U+FFFD), images as PNG inside, so that the file stands alone.
std::string to_svg(const Figure& figure);

}  // namespace heed::lens
