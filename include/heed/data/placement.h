// Where images lie in the images that a model reads.
#pragma once

#include <array>
#include <cstdint>

#include "heed/data/image.h"

namespace heed::data {

/// How an image of another shape is fitted. stretch: both sides by themselves; pad: the whole image
/// as large as it fits, in the middle, black beside it (letterbox); crop: the largest part from its
/// middle that has the shape; native: its own pixels, a window of them from its middle, black beside an
/// image that is smaller.
enum class Fit { stretch, pad, crop, native };
constexpr std::array<const char*, 4> words(Fit) { return {"stretch", "pad", "crop", "native"}; }

/// A part of an image's file (after its orientation is applied), and where it lies in the batch's
/// image.
struct Placement {
  int64_t example = 0;                               ///< whose file it is
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;             ///< of the source image, in its pixels
  bool flip = false;                                 ///< left-right
  bool flip_vertical = false;                        ///< top-bottom
  int64_t left = 0, top = 0, width = 0, height = 0;  ///< of the target, in the batch's pixels
};

/// The whole of an image of `source` in one of `target` pixels. Sides of `pad` and parts of `crop`
/// are rounded as by Pillow's ImageOps.pad and ImageOps.fit.
Placement fitted_placement(const ImageShape& source, const ImageShape& target, Fit fit);

/// The part of a placement that lies within a target of the given shape; its source is cut in
/// proportion. Of width or height 0 where nothing does.
Placement clipped(Placement placement, const ImageShape& target);

/// Draws the placement into `target`: the part of `source` is resized to width x height, mirrored
/// where its flips say so, and what lies within the target is written. Both have the same channels.
void draw_placement(const Image& source, const Placement& placement, Resample resample,
                    Image& target);

}  // namespace heed::data
