// All layers and heads of a model at a glance.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/drawing.h"
#include "heed/lens/figure.h"
#include "heed/lens/text_maps.h"

namespace heed::lens {

/// A layer's panels, side by side.
struct OverviewRow {
  std::string label;              ///< "layer 1", at the left
  std::vector<Panel> panels;      ///< their titles stand above: "head 1"
  std::vector<int64_t> excluded;  ///< columns that are left out of the scale: sinks
  std::string note;               ///< what is left out, its mass
};

struct OverviewFigure {
  std::string title;
  std::vector<std::string> lines;  ///< below the title
  std::vector<OverviewRow> rows;
  bool is_signed = false;
};

/// Pixels of a panel's longer side: 96, fewer where a page of panels so large would be too large.
int64_t overview_pixels(int64_t rows, int64_t columns);

/// Small panels, rows downwards and columns to the right in each, with one scale for all, cells of a
/// pixel at least. Throws as Drawing says, and UsageError for no panels and for panels that are no
/// matrices.
Drawing draw(const OverviewFigure& figure);

/// A row a map, a panel a head; maps of more tokens than a panel has pixels are shrunk, a cell being
/// the mean of a block. Sinks of a map are left out of scale and blocks. Cost: as many score
/// operations as the forward pass, O(L) memory.
OverviewFigure overview_of(const TextMaps& maps);

}  // namespace heed::lens
