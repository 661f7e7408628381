// Objects followed from frame to frame.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/tasks/head.h"

namespace heed {

struct TrackOptions {
  double overlap = 0.3;  ///< least IoU of a box with where its object is expected
  int64_t age = 5;       ///< frames that an object may be missing before it is another
};

/// Gives the boxes of one frame after the other numbers, 1, 2, ..: those of one object have the same. An object is expected
/// where it was last seen, moved on by its velocity, a running mean of how its middle moved a frame. Boxes and objects of one
/// class are paired so that the sum of 1 - IoU is least (core/assignment.h), pairs below `overlap` are none (SORT, Bewley et al.
/// 2016, without its Kalman filter). A box without object is a new one; an object without box for more than `age` frames is gone.
/// Throws UsageError for overlap outside 0 .. 1 and age below 0.
class BoxTracker {
 public:
  explicit BoxTracker(const TrackOptions& options);
  /// The number of each box of the next frame.
  std::vector<int64_t> next(const std::vector<PredictedBox>& boxes);

 private:
  struct Object {
    int64_t number;
    PredictedBox box;             // where it was last seen
    double across = 0, down = 0;  // pixels a frame
    int64_t missing = 0;          // frames since
    int64_t seen = 1;
  };
  PredictedBox expected(const Object& object) const;
  void follow(Object& object, const PredictedBox& box) const;

  TrackOptions options_;
  std::vector<Object> objects_;
  int64_t next_ = 1;
};

/// Numbers the boxes of the next frame's answer, and says the numbers in its line and its JSON ("id").
void follow(BoxTracker& tracker, Prediction& answer);

}  // namespace heed
