// What the metrics of boxes share.
#pragma once

#include "heed/metrics/detection.h"

namespace heed {

/// Throws UsageError for what no metric can count.
void check_detections(std::span<const DetectedImage> images, int64_t kinds);

/// numbers of the scores from the highest down; equal ones keep their order.
std::vector<size_t> by_score(std::span<const double> scores);

}  // namespace heed
