// What is found without a model: pixels that are brighter, or darker, than one number.
#pragma once

#include <array>
#include <cstdint>

#include "heed/core/mask.h"
#include "heed/data/image.h"

namespace heed {

/// Pixels of class 1 are those of a grey value (BT.601) of at least `least` where `bright`, below it
/// otherwise.
struct GreyThreshold {
  int64_t least = 256;
  bool bright = true;

  Mask classes(const data::Image& image) const;
};

/// How often a grey value is of class 0 and of class 1.
class GreyCounts {
 public:
  /// Pixels of another class are left out. Both are of one size.
  void add(const data::Image& image, const Mask& classes);
  /// The one of the 514 thresholds with the largest Dice of class 1 over all pixels that were added.
  GreyThreshold best() const;

 private:
  std::array<std::array<int64_t, 256>, 2> counts_{};
};

}  // namespace heed
