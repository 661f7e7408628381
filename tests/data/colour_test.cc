// Colour changes beside the numbers that torchvision's functional.adjust_* give for the same pixels.
#include "data/colour.h"

#include <gmock/gmock.h>

#include <set>

namespace heed::data {
namespace {

using ::testing::ElementsAre;

/// Red, a grey, a mixed and a dark pixel.
Image four() { return {{3, 1, 4}, {250, 100, 10, 3, 10, 100, 200, 1, 30, 100, 60, 9}}; }

TEST(Colour, BrightnessIsAFactor) {
  auto image = four();
  change_brightness(image, 1.5f);
  EXPECT_THAT(image.values, ElementsAre(255, 150, 15, 4, 15, 150, 255, 1, 45, 150, 90, 13));
}

TEST(Colour, SaturationBlendsWithGrey) {
  // Grey: 0.2989 r + 0.587 g + 0.114 b, downwards: 84, 99, 127, 2.
  auto image = four();
  change_saturation(image, 0.5f);
  EXPECT_THAT(image.values, ElementsAre(167, 99, 68, 2, 47, 99, 163, 1, 57, 99, 93, 5));
  image = four();
  change_saturation(image, 0);
  EXPECT_THAT(image.values, ElementsAre(84, 99, 127, 2, 84, 99, 127, 2, 84, 99, 127, 2));
}

TEST(Colour, ContrastBlendsWithTheMeanOfGrey) {
  auto image = four();  // mean of 84, 99, 127, 2: 78
  change_contrast(image, 0.5f);
  EXPECT_THAT(image.values, ElementsAre(164, 89, 44, 40, 44, 89, 139, 39, 54, 89, 69, 43));
}

TEST(Colour, HueTurns) {
  Image red{{3, 1, 1}, {255, 0, 0}};
  turn_hue(red, 1.f / 3);
  EXPECT_THAT(red.values, ElementsAre(0, 255, 0));
  turn_hue(red, 1.f / 3);
  EXPECT_THAT(red.values, ElementsAre(0, 0, 255));
  auto image = four();
  turn_hue(image, 0);
  for (size_t i = 0; i < 12; ++i) EXPECT_NEAR(image.values[i], four().values[i], 1);
  turn_hue(image, -0.25f);
  EXPECT_EQ(image.values[1], 100) << "grey has none";
}

TEST(Colour, JitterIsDrawnAndStaysInItsRanges) {
  std::set<std::vector<uint8_t>> seen;
  for (uint32_t i = 0; i < 50; ++i) {
    auto image = four(), again = four();
    Random a(3, 0, i), b(3, 0, i);
    const ColourRanges ranges{0.4, 0.4, 0.4, 0.1};
    jitter_colours(image, ranges, a);
    jitter_colours(again, ranges, b);
    EXPECT_EQ(image.values, again.values);
    seen.insert(image.values);
    Image grey{{1, 1, 2}, {100, 200}};
    jitter_colours(grey, {.brightness = 0.1}, a);
    EXPECT_TRUE(grey.values[0] >= 89 && grey.values[0] <= 110);
  }
  EXPECT_EQ(seen.size(), 50u);
}

}  // namespace
}  // namespace heed::data
