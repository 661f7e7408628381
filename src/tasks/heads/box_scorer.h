// What found boxes are worth.
#pragma once

#include <functional>

#include "heed/metrics/detection.h"
#include "heed/tasks/head.h"
#include "tasks/heads/classes.h"

namespace heed {

/// What a head makes of a batch: what stands in each image and what it found, in pixels of the files; its loss.
struct BoxOutput {
  std::vector<DetectedImage> images;
  double loss = 0;  ///< summed over the images
};
using BoxOutputOf = std::function<BoxOutput(const Tokens&, const Batch&)>;

/// COCO's AP over IoU, at 0.5, 0.75 and by size, its recall with 1, 10 and 100 boxes (heed/metrics/detection.h), VOC's mean AP of
/// eleven points and of all, the loss. details() and report() have AP50 of each class. `usual` is the baseline: these boxes in
/// every image, whose corners are parts of the image's sides; `shape_of` tells the size of an example's image.
struct BoxScorerOptions {
  const Classes& classes;
  std::vector<FoundBox> usual;
  std::function<ImageShape(int64_t)> shape_of;
};
std::unique_ptr<Scorer> make_box_scorer(BoxScorerOptions options, BoxOutputOf output);

}  // namespace heed
