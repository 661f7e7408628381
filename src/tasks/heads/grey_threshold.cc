#include "tasks/heads/grey_threshold.h"

#include "heed/metrics/masks.h"

namespace heed {
namespace {

data::Image grey(const data::Image& image) {
  return image.shape.channels == 1 ? image : data::with_channels(image, 1);
}

}  // namespace

Mask GreyThreshold::classes(const data::Image& image) const {
  const auto values = grey(image).values;
  Mask mask(image.shape.height, image.shape.width);
  for (size_t i = 0; i < values.size(); ++i) mask.values[i] = (values[i] >= least) == bright;
  return mask;
}

void GreyCounts::add(const data::Image& image, const Mask& classes) {
  const auto values = grey(image).values;
  for (size_t i = 0; i < values.size(); ++i)
    if (const int32_t k = classes.values[i]; k == 0 || k == 1)
      ++counts_[static_cast<size_t>(k)][values[i]];
}

GreyThreshold GreyCounts::best() const {
  int64_t zeros = 0, ones = 0;
  for (size_t v = 0; v < 256; ++v) zeros += counts_[0][v], ones += counts_[1][v];
  GreyThreshold best;
  double best_dice = 0;
  int64_t zeros_below = 0, ones_below = 0;
  for (int64_t least = 0; least <= 256; ++least) {
    for (const bool bright : {true, false}) {
      const int64_t both = bright ? ones - ones_below : ones_below;
      const int64_t given = both + (bright ? zeros - zeros_below : zeros_below);
      const double dice = given + ones ? Overlap{both, given, ones}.dice() : 0;
      if (dice > best_dice) best_dice = dice, best = {least, bright};
    }
    if (least == 256) break;
    zeros_below += counts_[0][static_cast<size_t>(least)];
    ones_below += counts_[1][static_cast<size_t>(least)];
  }
  return best;
}

}  // namespace heed
