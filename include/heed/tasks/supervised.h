// Any recipe as a task of the training loop.
#pragma once

#include <memory>

#include "heed/models/summary.h"
#include "heed/tasks/recipe.h"
#include "heed/train/task.h"

namespace heed {

/// Opens the recipe's data, holds out what it says, finds what it leaves to the data, and builds
/// the model from its seed. The metrics of the first head choose the best model; of several heads
/// the loss is the weighted sum. Throws DataError, FileError, ModelError.
std::unique_ptr<Task> make_task(Recipe recipe);

/// Of the model that the recipe makes of its data, and an example of typical size.
Summary summary_of_task(Recipe recipe);

}  // namespace heed
