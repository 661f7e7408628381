// Where a model looks in a clip, as one image of its frames side by side.
#pragma once

#include "heed/lens/image_maps.h"

namespace heed::lens {

/// Whether a map is of the query that pools tokens: `pool` of an ImageClassifier, `head.pool.attention` of a cell.
inline bool is_pooling(const Map& map) {
  return map.name().ends_with("pool") || map.name().ends_with("pool.attention");
}

/// Numbers of the tokens of tubelets, (H, S, r, c), to (H, r, F c): frames side by side, those of a tubelet alike. An image is (H, 1, r, c).
at::Tensor frames_beside(const at::Tensor& tubelets, const TokenGrid& grid);

/// The maps of a forward pass over one clip: of space, which every frame has for itself, and of time, whose tokens are frames. A
/// weight of a frame lies on all of it. Others, as those of a decoder, are left out. Throws ModelError where there are none.
ImageMaps clip_maps(const std::vector<Map>& calls, const TokenGrid& grid);

/// What the numbers of their panels are, a line each.
std::vector<std::string> clip_explanation(const ImageMaps& maps);

}  // namespace heed::lens
