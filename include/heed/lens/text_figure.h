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
  std::vector<std::string> rows, columns;  ///< labels, UTF-8 without controls; empty: none
  std::string note;  ///< "19 rows x 23 columns", how it was shrunk, which sinks are left out
  bool is_signed = false;
  std::vector<int64_t> excluded = {};  ///< columns that are left out of the scale and drawn grey
};

struct TextFigure {
  std::string title;
  std::vector<std::string> lines;  ///< what is shown
  std::vector<TextStrip> strips;   ///< one under the other
};

/// The pixels of a panel's longer side in a file, at most: fewer the more panels there are, so that
/// a page stays one that can be opened.
int64_t panel_pixels(int64_t panels);

/// Title and lines; then each strip: panels in rows as long as a page is wide, with the labels of
/// their rows at the left of the first and those of their columns above, turned by 90 degrees, and
/// the strip's legend. Where rows are lower than letters every n-th has a label, and the strip says
/// so. Throws as Drawing says, and UsageError for labels that are not as many as rows or columns,
/// and no rows or columns.
Drawing draw(const TextFigure& figure);

/// The figure as lines of at most `terminal.width` columns (but never fewer than 12). A weight is
/// two columns wide: a background colour, or a shade without colours. Labels of rows stand at the
/// left, those of columns above, downwards. Panels stand side by side where they fit, else below
/// each other; then labels are cut with an ellipsis; then columns are parted into pages.
std::string to_text(const TextFigure& figure, const Terminal& terminal);

}  // namespace heed::lens
