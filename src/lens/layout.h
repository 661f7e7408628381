// A figure as placed texts and images, from which a file of any kind is made.
#pragma once

#include "heed/lens/figure.h"
#include "heed/lens/text_figure.h"
#include "lens/columns.h"
#include "lens/typeface.h"

namespace heed::lens {

/// A line of text: columns(text) * pitch(size) wide and line_height(size) high.
struct PlacedText {
  int64_t x, y;  ///< upper left corner
  int64_t size;  ///< pixels of the em
  std::string text;
  bool turned = false;  ///< reads upwards; width and height change places
  bool at_end = false;  ///< where a viewer's font has another pitch, the end stays where it is
};

struct PlacedImage {
  int64_t x, y;
  Canvas image;
  std::string title;  ///< for whoever points at it or cannot see it
};

struct Layout {
  int64_t width = 0, height = 0;
  std::vector<PlacedText> texts;
  std::vector<PlacedImage> images;
};

/// Title; the image with the lines beside it; then each strip: its panels side by side, each
/// under its title, and the strip's legend. Pixels are square, images keep their proportions.
Layout lay_out(const Figure& figure);

/// Throws UsageError unless every strip has panels, and these have as many rows and columns as
/// labels.
void check(const TextFigure& figure);

/// Title and lines; then each strip: panels in rows as long as a page is wide, with the labels of
/// their rows at the left of the first and those of their columns above, and the strip's legend.
Layout lay_out(const TextFigure& figure);

/// The page as a PNG file; what could not be drawn is added to `note`, where there is one.
std::string png_of(const Layout& layout, std::string* note);

/// The page as an SVG 1.1 document.
std::string svg_of(const Layout& layout, const std::string& title);

}  // namespace heed::lens
