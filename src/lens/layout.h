// A figure as placed texts and pictures, from which a file of any kind is made.
#pragma once

#include "heed/lens/figure.h"

namespace heed::lens {

/// Text is set in a fixed pitch: a character is kFontAdvance * scale pixels wide.
struct PlacedText {
  int64_t x, y;  ///< upper left corner
  int64_t scale;
  std::string text;
};

struct PlacedPicture {
  int64_t x, y;
  Canvas picture;
  std::string title;  ///< for whoever points at it or cannot see it
};

struct Layout {
  int64_t width = 0, height = 0;
  std::vector<PlacedText> texts;
  std::vector<PlacedPicture> pictures;
};

/// Title; the picture with the lines beside it; then each strip: its panels side by side, each
/// under its title, and the strip's legend. Pixels are square, pictures keep their proportions.
Layout lay_out(const Figure& figure);

}  // namespace heed::lens
