// Weights between the tokens of texts, arranged: what `heed map` shows of a model of sequences.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/figure.h"
#include "heed/lens/terminal.h"

namespace heed::lens {

/// Panels of the same rows and columns that share one scale.
struct TextStrip {
  std::vector<Panel> panels;               ///< values (rows, columns)
  std::vector<std::string> rows, columns;  ///< labels, UTF-8 without controls
  std::string note;                        ///< "19 rows x 23 columns", and how it was shrunk
};

struct TextFigure {
  std::string title;
  std::vector<std::string> lines;  ///< what is shown
  std::vector<TextStrip> strips;   ///< one under the other
};

/// The pixels of a panel's longer side in a file, at most: fewer the more panels there are, so that
/// a page stays one that can be opened.
int64_t panel_pixels(int64_t panels);

/// The figure as a PNG file's bytes. Labels of columns are turned by 90 degrees; where rows are
/// lower than letters every n-th has a label, and the strip says so. The fonts are those of the
/// machine: HEED_FONT (font files with ':' between them), then the usual places; without any, the
/// built-in ASCII font. What no font has becomes a box, and `note`, where it is given, a sentence
/// about it. Characters stand alone and in logical order: Arabic is not joined, and words from
/// right to left are drawn from left to right. Throws UsageError for a figure larger than a canvas
/// may be, labels that are not as many as rows or columns, and no rows or columns; FileError for
/// HEED_FONT.
std::string to_png(const TextFigure& figure, std::string* note = nullptr);

/// The same as an SVG 1.1 document: text as text, XML-escaped, for the viewer's fonts.
std::string to_svg(const TextFigure& figure);

/// The figure as lines of at most `terminal.width` columns (but never fewer than 12). A weight is
/// two columns wide: a background colour, or a shade without colours. Labels of rows stand at the
/// left, those of columns above, downwards. Panels stand side by side where they fit, else below
/// each other; then labels are cut with an ellipsis; then columns are parted into pages.
std::string to_text(const TextFigure& figure, const Terminal& terminal);

}  // namespace heed::lens
