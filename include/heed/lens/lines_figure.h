// Lines from the tokens of a source to those of a target.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/lens/drawing.h"
#include "heed/lens/text_maps.h"

namespace heed::lens {

/// From a token of the source (a key) to one of the target (a query).
struct FigureLink {
  int64_t source, target;
  double weight;  ///< its size is the line's width and opacity, its sign the hue
};

struct LinesFigure {
  std::string title;
  std::vector<std::string> lines;           ///< below the title
  std::vector<std::string> source, target;  ///< left and right, from above to below
  std::vector<FigureLink> links;
  bool is_signed = false;
  int64_t most_links = 1000;  ///< the greatest |weight| are drawn, and how many are not is said
  std::vector<int64_t> excluded = {};  ///< tokens of the source whose links are left out: sinks
  std::string note = {};               ///< below: what is left out, its mass
};

/// Two columns of labels and the links between them, the strongest on top; the more labels, the lower
/// a line, and every n-th has one. In HTML, pointing at a label shows its links alone. Throws as
/// Drawing says, UsageError for links of tokens that there are not, and no tokens.
Drawing draw(const LinesFigure& figure);

/// The links of one head of a map (from 1), or of the mean of its heads (0), with its sinks left out:
/// the `most` greatest weights, found a block of rows at a time, and a note of how much of all weight
/// the others hold. Cost: as many score operations as the map's forward pass; memory O(Lk + most).
LinesFigure lines_of(const TextMap& map, int64_t head, int64_t most = 1000);

}  // namespace heed::lens
