// Masks laid where images lie, objects in them, and images cut into tiles.
#include "tasks/heads/pixel_tiles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/heads/grey_threshold.h"
#include "tasks/heads/pixel_masks.h"

namespace heed {
namespace {

using testing::ElementsAre;

TEST(PixelMasks, AreLaidByPlacements) {
  Mask mask(2, 4);
  for (size_t i = 0; i < 8; ++i) mask.values[i] = static_cast<int32_t>(i);
  auto out = at::full({3, 4}, -1, at::kLong);
  data::Placement placed;
  placed.x0 = 1, placed.x1 = 4, placed.y1 = 2;  // columns 1 .. 3
  placed.left = 1, placed.width = 3, placed.height = 2, placed.flip = true;
  lay_mask(mask, placed, out);
  EXPECT_TRUE(
      out.equal(at::tensor({-1, 3, 2, 1, -1, 7, 6, 5, -1, -1, -1, -1}, at::kLong).view({3, 4})))
      << out;
  placed = {};
  placed.x1 = 4, placed.y1 = 2, placed.left = -2, placed.top = -1, placed.width = 8,
  placed.height = 4;
  out = at::full({3, 4}, -1, at::kLong);
  lay_mask(mask, placed, out);  // twice as large, cut on the left and above
  EXPECT_TRUE(out.equal(at::tensor({1, 1, 2, 2, 5, 5, 6, 6, 5, 5, 6, 6}, at::kLong).view({3, 4})))
      << out;
}

TEST(PixelMasks, ObjectsGrowIntoTheirBorder) {
  Mask classes(1, 9);
  classes.values = {2, 1, 2, 2, 1, 0, 2, 2, 0};
  EXPECT_THAT(objects_of(classes).values, ElementsAre(1, 1, 1, 2, 2, 0, 3, 3, 0));
}

TEST(PixelTiles, CoverAnImageEvenly) {
  EXPECT_THAT(tile_starts(16, 16, 0.5), ElementsAre(0));
  EXPECT_THAT(tile_starts(9, 16, 0.5), ElementsAre(0));
  EXPECT_THAT(tile_starts(17, 16, 0), ElementsAre(0, 1));
  EXPECT_THAT(tile_starts(40, 16, 0.5), ElementsAre(0, 8, 16, 24));
  EXPECT_THAT(tile_starts(32, 16, 0), ElementsAre(0, 16));
  for (int64_t extent = 17; extent < 90; ++extent)
    for (const double overlap : {0.0, 0.25, 0.75}) {
      const auto starts = tile_starts(extent, 16, overlap);
      EXPECT_EQ(starts.back(), extent - 16);
      for (size_t i = 1; i < starts.size(); ++i)
        EXPECT_LE(starts[i] - starts[i - 1], 16 - std::llround(16 * overlap));
    }
  // Two that overlap as said add up to 1 where they do.
  const auto window = tile_window(16, 0.25);
  EXPECT_LT((window.narrow(0, 12, 4) + window.narrow(0, 0, 4) - 1).abs().max().item<double>(),
            1e-6);
  EXPECT_EQ(window.narrow(0, 4, 8).min().item<double>(), 1);
  EXPECT_EQ(tile_window(16, 0).min().item<double>(), 1);
}

/// A model that tells each pixel's own value is the same by tiles, whatever the scale is not.
TEST(PixelTiles, BlendWhatTheyAgreeOn) {
  torch::manual_seed(3);
  const auto image = at::randn({2, 37, 53});
  data::Placement middle;
  middle.x0 = 18, middle.x1 = 34, middle.y0 = 10, middle.y1 = 26, middle.width = middle.height = 16;
  for (const double overlap : {0.0, 0.25, 0.6}) {
    const auto all = tiled_logits(
        {1, 37, 53}, {1, 16, 16}, middle, overlap, [&](const std::vector<data::Placement>& parts) {
          std::vector<at::Tensor> found;
          for (const auto& part : parts)
            found.push_back(
                image.narrow(1, std::llround(part.y0), 16).narrow(2, std::llround(part.x0), 16));
          return at::stack(found);
        });
    EXPECT_LT((all - image).abs().max().item<double>(), 1e-5) << overlap;
  }
}

TEST(GreyThreshold, IsTheBestOfAll) {
  // Bright objects on grey, but for one dark pixel of them.
  data::Image image{{1, 2, 4}, {10, 90, 90, 200, 90, 210, 200, 90}};
  Mask right(2, 4);
  right.values = {1, 0, 0, 1, 0, 1, 1, -1};
  GreyCounts counts;
  counts.add(image, right);
  EXPECT_THAT(counts.best().classes(image).values, ElementsAre(0, 0, 0, 1, 0, 1, 1, 0));
  EXPECT_TRUE(counts.best().bright);
  for (auto& value : image.values) value = static_cast<uint8_t>(255 - value);
  GreyCounts inverse;
  inverse.add(image, right);
  EXPECT_THAT(inverse.best().classes(image).values, ElementsAre(0, 0, 0, 1, 0, 1, 1, 0));
  EXPECT_FALSE(inverse.best().bright);
}

}  // namespace
}  // namespace heed
