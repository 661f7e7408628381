// What predicted masks are worth, in the pixels of the images' files.
#pragma once

#include <functional>
#include <optional>

#include "heed/core/mask.h"
#include "heed/metrics/masks.h"
#include "heed/tasks/head.h"
#include "tasks/heads/pixel_answers.h"

namespace heed {

/// An example beside what is right.
struct ScoredPixels {
  int64_t example = 0;
  PixelAnswer found, wanted;           ///< wanted classes may be negative: not measured
  std::optional<Mask> threshold = {};  ///< the baseline's classes
  std::string line;                    ///< of the answer
};

struct PixelScores {
  std::vector<std::string> classes;  ///< names
  size_t first = 0;                  ///< the first class that means are taken over
  bool instances = false;
  int64_t most_frequent = 0;  ///< class of training
};

/// Answers of a batch, and its loss.
struct PixelBatch {
  std::vector<ScoredPixels> examples;
  double loss = 0;
};
using PixelBatchOf = std::function<PixelBatch(const Tokens&, const Batch&)>;

/// Of images first, then the mean over images: dice, iou and boundary_iou, each the mean over the image's classes from
/// `first` on that are predicted or expected, 1 where none is. Of the pixels of all images together: accuracy,
/// dice_pooled, iou_pooled. Of instances object_f1, over all images' objects at an IoU above 0.5. And the loss.
std::unique_ptr<Scorer> make_pixel_scorer(PixelScores scores, PixelBatchOf answer);

}  // namespace heed
