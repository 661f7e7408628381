// Lines from the tokens of a source to those of a target.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "heed/lens/drawing.h"

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

/// Throws as Drawing says, UsageError for links of tokens that there are not, and no tokens.
Drawing draw(const LinesFigure& figure);

/// The links of a matrix (target rows, source columns): the `most` greatest |weight|; 0 and NaN are
/// none.
std::vector<FigureLink> links_of(const at::Tensor& weights, int64_t most);

}  // namespace heed::lens
