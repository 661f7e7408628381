// Whether all processes train the same.
#pragma once

#include "heed/train/processes.h"
#include "heed/train/task.h"

namespace heed {

/// Throws ModelError, in every process, that names a process with another build, recipe, file of the model or data than the
/// first, and what differs. What does not decide what is learned (the folder, background threads) may differ.
void require_same(Processes& processes, Task& task);

}  // namespace heed
