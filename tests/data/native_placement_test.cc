// Images at their own size: a window of their pixels.
#include <gmock/gmock.h>

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

}  // namespace
}  // namespace heed::data
