// How boxes are answered.
#pragma once

#include "heed/tasks/head.h"

namespace heed {

/// The line "RBC 0.9812 at 78 336 184 435; ..." and {"boxes": [{"class", "score", "box": [x0, y0, x1, y1]}, ..]}; of objects that are
/// followed "#3 RBC ..." and "id", too.
Prediction box_answer(std::vector<PredictedBox> boxes);

}  // namespace heed
