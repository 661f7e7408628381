// Masks against numbers by hand, and against numpy's of masks that both compute.
#include "heed/metrics/masks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "heed/core/error.h"

namespace heed {
namespace {

using ::testing::ElementsAre;

Mask mask_of_rows(const std::vector<std::vector<int32_t>>& rows) {
  Mask mask(std::ssize(rows), std::ssize(rows.front()));
  mask.values.clear();
  for (const auto& row : rows) mask.values.insert(mask.values.end(), row.begin(), row.end());
  return mask;
}

TEST(Masks, CountsClassesByHand) {
  const auto found = mask_of_rows({{0, 1, 1}, {0, 2, 1}});
  const auto right = mask_of_rows({{0, 1, 2}, {-1, 2, 1}});
  const auto all = class_overlaps(found, right, 4);
  EXPECT_THAT(all, ElementsAre(Overlap{1, 1, 1}, Overlap{2, 3, 2}, Overlap{1, 1, 2}, Overlap{}));
  EXPECT_DOUBLE_EQ(all[1].dice(), 4.0 / 5);
  EXPECT_DOUBLE_EQ(all[1].iou(), 2.0 / 3);
  EXPECT_TRUE(std::isnan(all[3].dice()));
  EXPECT_DOUBLE_EQ(mean_dice(all, 1), (4.0 / 5 + 2.0 / 3) / 2) << "without a class that is nowhere";
  EXPECT_DOUBLE_EQ(mean_iou(all, 0), (1 + 2.0 / 3 + 0.5) / 3);
  EXPECT_TRUE(std::isnan(mean_dice(all, 3)));
  EXPECT_THROW(class_overlaps(found, right, 2), UsageError);
  EXPECT_THROW(class_overlaps(Mask(2, 2), right, 4), UsageError);
}

/// The masks of a script in numpy:
///   y, x = numpy.mgrid[:23, :29]; expected = (x // 9 + y // 7) % 3, its first five pixels -1;
///   predicted = ((x + 1) // 9 + (y + 2) // 7 + (x * y % 53 == 7)) % 3
std::pair<Mask, Mask> numpy_masks() {
  Mask found(23, 29), right(23, 29);
  for (int64_t y = 0; y < 23; ++y)
    for (int64_t x = 0; x < 29; ++x) {
      right.at(y, x) = static_cast<int32_t>((x / 9 + y / 7) % 3);
      found.at(y, x) = static_cast<int32_t>(((x + 1) / 9 + (y + 2) / 7 + (x * y % 53 == 7)) % 3);
    }
  for (int64_t x = 0; x < 5; ++x) right.at(0, x) = -1;
  return {found, right};
}

TEST(Masks, AreThoseOfNumpy) {
  const auto [found, right] = numpy_masks();
  EXPECT_THAT(class_overlaps(found, right, 3),
              ElementsAre(Overlap{143, 225, 220}, Overlap{142, 218, 221}, Overlap{141, 219, 221}));
  EXPECT_THAT(boundary_overlaps(found, right, 3, 1),
              ElementsAre(Overlap{39, 135, 120}, Overlap{37, 133, 116}, Overlap{42, 150, 116}));
  EXPECT_THAT(boundary_overlaps(found, right, 3, 2),
              ElementsAre(Overlap{82, 197, 180}, Overlap{91, 207, 176}, Overlap{94, 211, 176}));
  EXPECT_THROW(boundary_overlaps(found, right, 3, 0), UsageError);
}

TEST(Masks, BoundariesReachDiagonallyAndToTheImagesEnd) {
  Mask all(7, 9, 1);
  const auto edges = boundary_overlaps(all, all, 2, 1);
  EXPECT_EQ(edges[1].expected, 7 * 9 - 5 * 7);
  all.at(3, 4) = 0;
  EXPECT_EQ(boundary_overlaps(all, all, 2, 1)[1].expected, 7 * 9 - 5 * 7 + 8);
  EXPECT_EQ(boundary_overlaps(all, all, 2, 50)[1].expected, 7 * 9 - 1);
  EXPECT_EQ(boundary_distance(256, 320), 8);  // round(0.02 * 409.8)
  EXPECT_EQ(boundary_distance(3, 4), 1);
}

TEST(Masks, ObjectsMatchAboveHalf) {
  const auto right = mask_of_rows({{1, 1, 1, 1, 0, 7, 7, 0}, {5, 5, 0, 0, 0, 7, 7, 0}});
  // Three of four pixels of 1; of 7 all and as many again, which is exactly half; 5 is missed.
  const auto found = mask_of_rows({{3, 3, 3, 0, 4, 4, 4, 4}, {0, 0, 9, 0, 4, 4, 4, 4}});
  EXPECT_EQ(object_overlap(found, right), (Overlap{1, 3, 3}));
  EXPECT_DOUBLE_EQ(object_overlap(found, right).dice(), 2.0 / 6);
  EXPECT_EQ(object_overlap(found, right, 0.8), (Overlap{0, 3, 3}));
  EXPECT_EQ(object_overlap(right, right, 0.99), (Overlap{3, 3, 3}));
  EXPECT_THROW(object_overlap(found, right, 0.4), UsageError);
  EXPECT_EQ(count_objects(right), 3);
}

TEST(Masks, PartsHangTogetherAlongRowsAndColumns) {
  const auto parts = connected_components(
      mask_of_rows({{1, 0, 1, 1}, {1, 0, 0, 1}, {0, 1, 0, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}}));
  EXPECT_EQ(parts,
            mask_of_rows({{1, 0, 2, 2}, {1, 0, 0, 2}, {0, 2, 0, 2}, {2, 2, 2, 2}, {0, 0, 0, 0}}));
  EXPECT_EQ(count_objects(connected_components(Mask(3, 3))), 0);
}

}  // namespace
}  // namespace heed
