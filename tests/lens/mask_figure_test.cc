// A mask over its image, and boxes: what is painted, and what is refused.
#include "heed/lens/mask_figure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/lens/boxes_figure.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

Mask checked_mask() {
  Mask mask(2, 2);
  mask.at(0, 1) = 1, mask.at(1, 0) = 2;
  return mask;
}
data::Image grey_image() { return {{1, 2, 2}, {100, 100, 100, 100}}; }

/// How many pixels of a PNG have a colour.
int64_t pixels_of(const std::string& png, int red, int green, int blue) {
  const auto image =
      data::decode_image({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, "figure");
  const auto pixels = static_cast<size_t>(image.shape.pixels());
  int64_t count = 0;
  for (size_t i = 0; i < pixels; ++i)
    count += image.values[i] == red && image.values[pixels + i] == green &&
             image.values[2 * pixels + i] == blue;
  return count;
}

TEST(MaskFigure, PaintsNumbersHalfAndTheirEdgesWhole) {
  const auto objects = draw(MaskFigure{"a.png", "two objects", grey_image(), checked_mask()}).png();
  EXPECT_EQ(pixels_of(objects, 100, 100, 100), 2 * 320 * 320) << "background is left as it is";
  EXPECT_EQ(pixels_of(objects, (100 + 213) / 2, (100 + 94) / 2, 50), 318 * 318);
  EXPECT_EQ(pixels_of(objects, 213, 94, 0), 320 * 320 - 318 * 318) << "two pixels at the edges";
  EXPECT_EQ(pixels_of(objects, 50, (100 + 114) / 2, (100 + 178) / 2), 318 * 318) << "object 2";
  const auto classes =
      draw(MaskFigure{"a.png", "", grey_image(), checked_mask(), {"sky", "road", "car"}, 1}).png();
  EXPECT_EQ(pixels_of(classes, 213, 94, 0), 320 * 320 - 318 * 318 + 12 * 12) << "and the legend";
  const auto all =
      draw(MaskFigure{"a.png", "", grey_image(), checked_mask(), {"sky", "road", "car"}, 0}).png();
  EXPECT_EQ(pixels_of(all, 100, 100, 100), 0) << "no class is background";
}

TEST(MaskFigure, RefusesAMaskOfAnotherSize) {
  EXPECT_THROW(draw(MaskFigure{"a", "", grey_image(), Mask(2, 3)}), UsageError);
  EXPECT_THROW(draw(MaskFigure{"a", "", {}, Mask()}), UsageError);
}

TEST(BoxesFigure, KeepsLabelsOnTheImage) {
  BoxesFigure figure{"a", {{1, 40, 40}, std::vector<uint8_t>(1600, 90)}, {}};
  const double width = draw(figure).width();
  figure.boxes = {{"a very long name of a class 0.98", 0, 36, 30, 39, 39}};
  EXPECT_EQ(draw(figure).width(), width);
  EXPECT_THAT(draw(figure).svg(), HasSubstr("a very long name of a class 0.98"));
}

}  // namespace
}  // namespace heed::lens
