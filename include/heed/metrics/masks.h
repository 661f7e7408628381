// Masks beside the right ones: classes of pixels, their boundaries, and objects.
#pragma once

#include <cstdint>
#include <vector>

#include "heed/core/mask.h"
#include "heed/metrics/metrics.h"

namespace heed {

/// Pixels of a class, or objects: `both` predicted and expected.
struct Overlap {
  int64_t both = 0, predicted = 0, expected = 0;

  /// Whether there is something of it; scores are NaN where not.
  bool any() const { return predicted + expected > 0; }
  /// 2 both / (predicted + expected), which is F1 (Dice 1945).
  double dice() const;
  /// both / (predicted + expected - both) (Jaccard 1912).
  double iou() const;
  Overlap& operator+=(const Overlap& other);
  bool operator==(const Overlap&) const = default;
};

/// Of each class 0 .. classes - 1 over the pixels whose expected value is not negative. Throws
/// UsageError for masks of different sizes and values that are no class. O(h w + K).
std::vector<Overlap> class_overlaps(const Mask& predicted, const Mask& expected, int64_t classes);

/// The same over boundaries (Cheng et al. 2021, boundary IoU): of each mask only the pixels of a
/// class that lie within `distance` pixels, along rows, columns or diagonals, of a pixel of another
/// value or of the image's end. Pixels whose expected value is negative belong to no class.
std::vector<Overlap> boundary_overlaps(const Mask& predicted, const Mask& expected, int64_t classes,
                                       int64_t distance);

/// Their distance: `share` of the image's diagonal, rounded to the nearest (halves to the even one), at least 1.
int64_t boundary_distance(int64_t height, int64_t width, double share = 0.02);

/// The mean of the scores of classes from `first` on that there are; NaN where there is none.
double mean_dice(const std::vector<Overlap>& classes, size_t first);
double mean_iou(const std::vector<Overlap>& classes, size_t first);

/// Objects, numbered by values from 1 on (0: none; negative: not counted); both where one overlaps
/// another with an IoU above `threshold`, which is at least 0.5, so that no object has two partners.
/// dice() is the F1 of objects. Throws UsageError for masks of different sizes and a threshold
/// outside 0.5 .. 1. O(h w log(h w)).
Overlap object_overlap(const Mask& predicted, const Mask& expected, double threshold = 0.5);

/// Parts of `mask` where it is positive that hang together along rows and columns, numbered from 1
/// in the order of their first pixels. O(h w).
Mask connected_components(const Mask& mask);

/// How many different positive values there are.
int64_t count_objects(const Mask& mask);

}  // namespace heed
