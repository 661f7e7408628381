// Colours that tell classes and objects apart.
#pragma once

#include <array>
#include <cstdint>

#include "heed/lens/canvas.h"

namespace heed::lens {

/// That of a number from 0 on; they come again after eight. White letters can be read on each.
inline Colour category_colour(int64_t number) {
  constexpr std::array<Colour, 8> kAll{{{213, 94, 0},
                                        {0, 114, 178},
                                        {0, 158, 115},
                                        {204, 121, 167},
                                        {150, 100, 0},
                                        {86, 180, 233},
                                        {120, 110, 20},
                                        {32, 32, 36}}};
  return kAll[static_cast<size_t>(number < 0 ? 0 : number) % kAll.size()];
}

/// How much larger an image is drawn whose longer side is `side` pixels: by whole numbers, to at most 640.
constexpr int64_t figure_factor(int64_t side) { return side >= 640 ? 1 : 640 / side; }

}  // namespace heed::lens
