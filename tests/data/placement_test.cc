#include "heed/data/placement.h"

#include <gmock/gmock.h>

#include <numeric>

#include "data/samples.h"
#include "heed/data/dataset.h"

namespace heed::data {
namespace {

using ::testing::ElementsAre;

constexpr ImageShape kSquare{1, 100, 100};

TEST(Placement, FitsAsPillowsImageOps) {
  const auto stretched = fitted_placement({1, 30, 70}, kSquare, Fit::stretch);
  EXPECT_EQ(stretched.x1, 70);
  EXPECT_EQ(stretched.y1, 30);
  EXPECT_EQ(stretched.width, 100);
  EXPECT_EQ(stretched.height, 100);
  // ImageOps.pad of 70 x 30: round(30 / 70 * 100) = 43 high, at round(57 / 2) = 28 (28.5 to the even).
  const auto padded = fitted_placement({1, 30, 70}, kSquare, Fit::pad);
  EXPECT_EQ(padded.height, 43);
  EXPECT_EQ(padded.width, 100);
  EXPECT_EQ(padded.top, 28);
  EXPECT_EQ(padded.left, 0);
  const auto high = fitted_placement({1, 70, 30}, kSquare, Fit::pad);
  EXPECT_EQ(high.width, 43);
  EXPECT_EQ(high.left, 28);
  EXPECT_EQ(high.top, 0);
  // ImageOps.fit: the middle 30 of 70 columns.
  const auto cut = fitted_placement({1, 30, 70}, kSquare, Fit::crop);
  EXPECT_EQ(cut.x0, 20);
  EXPECT_EQ(cut.x1, 50);
  EXPECT_EQ(cut.y0, 0);
  EXPECT_EQ(cut.y1, 30);
  EXPECT_EQ(cut.width, 100);
  EXPECT_EQ(cut.height, 100);
}

TEST(Placement, ClippingKeepsWhereEveryPixelComesFrom) {
  // 10 x 10 of the source on 20 x 20 that begin 4 left of the target and 6 below its top.
  Placement at{
      .x0 = 10, .y0 = 20, .x1 = 20, .y1 = 30, .left = -4, .top = 6, .width = 20, .height = 20};
  auto cut = clipped(at, {1, 16, 100});
  EXPECT_EQ(cut.left, 0);
  EXPECT_EQ(cut.width, 16);
  EXPECT_EQ(cut.x0, 12);
  EXPECT_EQ(cut.x1, 20);
  EXPECT_EQ(cut.top, 6);
  EXPECT_EQ(cut.height, 10);
  EXPECT_EQ(cut.y0, 20);
  EXPECT_EQ(cut.y1, 25);
  const auto tall = clipped(
      {.x1 = 1, .y1 = 10, .flip_vertical = true, .top = -2, .width = 1, .height = 5}, {1, 9, 9});
  EXPECT_EQ(tall.height, 3);
  EXPECT_EQ(tall.y0, 0) << "what lies above the target is the lower end of the source";
  EXPECT_EQ(tall.y1, 6);
  at.flip = true;  // its left end shows the right one
  cut = clipped(at, {1, 16, 100});
  EXPECT_EQ(cut.x0, 10);
  EXPECT_EQ(cut.x1, 18);
  EXPECT_EQ(clipped({.x1 = 1, .y1 = 1, .left = 50, .width = 3, .height = 3}, {1, 9, 9}).width, 0);
}

Image counted(const ImageShape& shape) {
  Image image{shape, std::vector<uint8_t>(static_cast<size_t>(shape.values()))};
  std::iota(image.values.begin(), image.values.end(), uint8_t{1});
  return image;
}

TEST(Placement, DrawsWhatLiesWithin) {
  const Image source = counted({1, 2, 3});
  Image target{{1, 3, 3}, std::vector<uint8_t>(9, 0)};
  Placement at{.x1 = 3, .y1 = 2, .left = 1, .top = -1, .width = 3, .height = 2};
  draw_placement(source, at, Resample::bilinear, target);
  EXPECT_THAT(target.values, ElementsAre(0, 4, 5, 0, 0, 0, 0, 0, 0));
  at.flip = true, at.left = -1, at.top = 1;
  draw_placement(source, at, Resample::bilinear, target);
  EXPECT_THAT(target.values, ElementsAre(0, 4, 5, 2, 1, 0, 5, 4, 0));
  at.flip = false, at.flip_vertical = true, at.left = 0;
  draw_placement(source, at, Resample::bilinear, target);
  EXPECT_THAT(target.values, ElementsAre(0, 4, 5, 4, 5, 6, 1, 2, 3));
}

TEST(Fit, PadAndCropKeepTheAspect) {
  const Image wide = counted({1, 2, 4});
  EXPECT_THAT(fit(wide, {.size = {2, 2}, .fit = Fit::crop}).values, ElementsAre(2, 3, 6, 7));
  EXPECT_THAT(fit(wide, {.size = {4, 4}, .fit = Fit::pad}).values,
              ElementsAre(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0));
}

}  // namespace
}  // namespace heed::data
