// Colours of an image at random: brightness, contrast, saturation, hue.
#pragma once

#include "heed/core/random.h"
#include "heed/data/image.h"

namespace heed::data {

/// How far each may go, as torchvision's ColorJitter: factors uniform in [1 - x, 1 + x] (at least
/// 0), of hue a part of the circle uniform in [-x, x].
struct ColourRanges {
  double brightness = 0, contrast = 0, saturation = 0, hue = 0;

  bool any() const noexcept { return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0; }
};

/// Changes those of a range over 0, in an order that is drawn, by the formulas of torchvision on
/// 8-bit tensors: brightness f x; contrast f x + (1 - f) m, m the mean of the grey image; saturation
/// f x + (1 - f) grey, all cut to 0..255 and to whole numbers downwards; hue by HSV. Grey is
/// 0.2989 R + 0.587 G + 0.114 B, downwards. An image of 1 channel has no saturation and no hue.
void jitter_colours(Image& image, const ColourRanges& ranges, Random& random);

/// One of them by a given factor; for tests.
void change_brightness(Image& image, float factor);
void change_contrast(Image& image, float factor);
void change_saturation(Image& image, float factor);
void turn_hue(Image& image, float turn);

}  // namespace heed::data
