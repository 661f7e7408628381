// Several inputs of the same records as one split.
#pragma once

#include "heed/tasks/input.h"

namespace heed {

struct NamedSplit {
  std::string name;
  SplitPtr split;
};

/// Tensors are called NAME.TENSOR; values are those of the records. Throws DataError where the
/// splits differ in size.
SplitPtr join(std::vector<NamedSplit> splits);

}  // namespace heed
