// An image that is larger than a model reads, cut into tiles whose answers are blended.
#pragma once

#include <functional>
#include <vector>

#include "heed/data/placement.h"
#include "heed/tasks/input.h"

namespace heed {

/// Where tiles of `tile` pixels begin, so that they cover `extent` pixels from 0 and neighbours share
/// at least `overlap` of a tile (0 to below 1): as few as do, evenly spread, the last one at the end.
/// One at 0 where the extent is no longer than a tile.
std::vector<int64_t> tile_starts(int64_t extent, int64_t tile, double overlap);

/// The weight of a pixel of a tile by its place along a side: sin^2(pi / 2 min(1, (d + 1/2) / o)), d the
/// pixels to the nearer end, o = round(overlap tile) at most half of it; 1 where o is 0. (tile) float32.
/// Two that overlap by o add up to 1.
at::Tensor tile_window(int64_t tile, double overlap);

/// Logits (N, K, h, w) of parts of an example, each fitted to what the model reads.
using PartLogits = std::function<at::Tensor(const std::vector<data::Placement>& parts)>;

/// Logits (K, H, W) of an image of `source` pixels. `fitted`: where the input places its middle in an
/// image of `target` pixels, which says the scale. Tiles are laid over the image at that scale; the sum of
/// their logits by tile_window(height) x tile_window(width) is divided by that of the weights, then made H x W
/// bilinearly where the scale is not 1. Memory: K + 1 numbers a pixel at that scale.
at::Tensor tiled_logits(const ImageShape& source, const ImageShape& target,
                        const data::Placement& fitted, double overlap, const PartLogits& logits_of);

/// Whether a placement has the whole of an image of that shape.
bool has_whole(const data::Placement& placed, const ImageShape& source);

/// What of logits (K, h, w) belongs to a placement that has the whole of an image, as (K, H, W) of its
/// pixels.
at::Tensor unplaced(const at::Tensor& logits, const data::Placement& placed,
                    const ImageShape& source);

}  // namespace heed
