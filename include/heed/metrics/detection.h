// Boxes that were found beside those that there are, as COCO and Pascal VOC count them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

/// A rectangle in pixels, corners counted from 0; its area is (x1 - x0) (y1 - y0).
struct Rectangle {
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;

  double area() const { return (x1 - x0) * (y1 - y0); }
};

/// Intersection over union, 0 where they do not meet.
double box_iou(const Rectangle& a, const Rectangle& b) noexcept;

struct TrueBox {
  int64_t kind;  ///< its class, from 0
  Rectangle box;
  bool crowd = false;      ///< COCO: a group; what lies in it counts neither way
  bool difficult = false;  ///< VOC: finding it counts neither way
  /// COCO's `area`, by which an object is small, medium or large; absent: that of the box.
  std::optional<double> area = {};
};

struct FoundBox {
  int64_t kind;
  double score;
  Rectangle box;
};

/// What stands in one image and what was found there, in any order.
struct DetectedImage {
  std::vector<TrueBox> expected;
  std::vector<FoundBox> found;
};

/// COCO's twelve numbers (cocodataset.org, "detection evaluation"); NaN where no class has a box that they are of.
struct CocoScores {
  double ap, ap50, ap75;        ///< mean over classes; ap: over IoU 0.50, 0.55 .. 0.95, too
  double small, medium, large;  ///< ap of objects below 32^2 pixels, up to 96^2, above
  double recall1, recall10,
      recall;  ///< mean recall with at most 1, 10, 100 boxes a class and image
  double recall_small, recall_medium, recall_large;  ///< with at most 100
  std::vector<double> ap50_of_kind;                  ///< NaN of a class without a box
};

/// As pycocotools 2.0 (COCOeval.evaluate, accumulate, summarize) computes it: per image and class the 100 best boxes, each
/// in the order of their scores with the free object of largest IoU; the precision of each recall 0, 0.01 .. 1 is the largest at
/// that recall or beyond. Boxes matched with a crowd, or unmatched and of another size, count neither way. Equal scores keep the
/// order of images and boxes. Throws UsageError for a kind outside of 0 .. kinds - 1 and a score that is not finite. Cost: IoU of
/// all pairs of an image and class, 40 matchings.
CocoScores coco_scores(std::span<const DetectedImage> images, int64_t kinds);

/// How a curve of precision beside recall becomes a number.
enum class VocPoints {
  eleven,  ///< VOC until 2009: the mean of the largest precision at recall 0, 0.1 .. 1 or beyond
  all      ///< VOC from 2010: the area below that curve
};

/// Per class the average precision of VOC's development kit: boxes in the order of their scores, each with the object of largest
/// IoU; right from `least_iou` on if nobody found it before. NaN of a class without an object that is not difficult. Crowds
/// count as difficult. Throws as coco_scores.
std::vector<double> voc_average_precisions(std::span<const DetectedImage> images, int64_t kinds,
                                           VocPoints points = VocPoints::all,
                                           double least_iou = 0.5);

/// The mean of the numbers that are not NaN; NaN where there is none.
double mean_of_known(std::span<const double> numbers) noexcept;

}  // namespace heed
