// Images at their own size: a window of their pixels.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "data/samples.h"
#include "heed/data/transform.h"

namespace heed::data {
namespace {

using testing::HasSubstr;

TEST(NativePlacement, IsAWindowFromTheMiddle) {
  const auto large = fitted_placement({1, 20, 31}, {1, 8, 10}, Fit::native);
  EXPECT_EQ(large.x0, 10);
  EXPECT_EQ(large.x1, 20);
  EXPECT_EQ(large.y0, 6);
  EXPECT_EQ(large.y1, 14);
  EXPECT_EQ(large.left + large.top, 0);
  EXPECT_EQ(large.width, 10);
  EXPECT_EQ(large.height, 8);
  // Of what is smaller all, with black around it.
  const auto small = fitted_placement({1, 4, 31}, {1, 8, 10}, Fit::native);
  EXPECT_EQ(small.height, 4);
  EXPECT_EQ(small.top, 2);
  EXPECT_EQ(small.y1 - small.y0, 4);
  EXPECT_EQ(small.x1 - small.x0, 10);
}

TEST(NativePlacement, WindowsLieAnywhereInTheImage) {
  const ImageShape shape{1, 6, 6}, source{1, 9, 8};
  Image image{source, {}};
  for (int i = 0; i < 72; ++i) image.values.push_back(static_cast<uint8_t>(i));
  const Normalization none{{0}, {1.0 / 255}};
  const Transform transform(shape, {.window = true}, none, {Fit::native, Resample::bilinear});
  EXPECT_TRUE(transform.moves());
  std::set<std::pair<double, double>> seen;
  for (uint32_t i = 0; i < 200; ++i) {
    Random random(5, i), again(5, i);
    const auto placed = transform.place(source, random);
    seen.emplace(placed.y0, placed.x0);
    ASSERT_LE(placed.y1, 9);
    ASSERT_LE(placed.x1, 8);
    std::vector<float> out(36);
    transform(image, again, out.data());
    for (int64_t y = 0; y < 6; ++y)  // the pixels themselves, not interpolated
      for (int64_t x = 0; x < 6; ++x)
        ASSERT_NEAR(out[static_cast<size_t>(6 * y + x)],
                    8 * (placed.y0 + double(y)) + placed.x0 + double(x), 1e-4);
  }
  EXPECT_EQ(seen.size(), 4u * 3u) << "every window is drawn";
  EXPECT_THAT(test::message_of<UsageError>([&] { Transform(shape, {.window = true}, none); }),
              HasSubstr("augment.window"));
  EXPECT_THAT(
      test::message_of<UsageError>([&] {
        Transform(shape, {.crop = 0.5, .window = true}, none, {Fit::native, Resample::bilinear});
      }),
      HasSubstr("augment.window"));
}

TEST(NativePlacement, ScaledWindowsKeepTheAspectAndLieInTheImage) {
  const ImageShape shape{1, 6, 8}, source{1, 40, 50}, small{1, 7, 50};
  const Normalization none{{0}, {1.0 / 255}};
  const Transform transform(shape, {.window = true, .scale = 3}, none,
                            {Fit::native, Resample::bilinear});
  double least = 100, most = 0;
  for (uint32_t i = 0; i < 300; ++i) {
    Random random(5, i), other(6, i);
    const auto at = transform.place(source, random);
    EXPECT_EQ(at.width, 8) << "the target is filled";
    EXPECT_EQ(at.height, 6);
    EXPECT_TRUE(at.x0 >= 0 && at.y0 >= 0 && at.x1 <= 50 && at.y1 <= 40);
    const double scale = 8 / (at.x1 - at.x0);
    EXPECT_NEAR(6 / scale, at.y1 - at.y0, 1) << "whole pixels of one scale";
    least = std::min(least, scale), most = std::max(most, scale);
    // Of an image that is too low for its part, all rows are there, with black above and below.
    const auto low = transform.place(small, other);
    EXPECT_TRUE(low.y1 - low.y0 == 7 || low.height == 6) << low.y0 << ' ' << low.y1;
    EXPECT_NEAR(low.top + low.height / 2.0, 3, 0.5);
    if (low.height < 6) {
      EXPECT_NEAR(double(low.height) / (low.y1 - low.y0), 8 / (low.x1 - low.x0), 0.15);
    }
  }
  EXPECT_LT(least, 0.36);
  EXPECT_GT(most, 2.6);
  EXPECT_THAT(test::message_of<UsageError>([&] {
                Transform(shape, {.scale = 2}, none, {Fit::native, Resample::bilinear});
              }),
              HasSubstr("augment.scale"));
}

}  // namespace
}  // namespace heed::data
