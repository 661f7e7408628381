// Several errors as one.
#pragma once

#include <string>

#include "heed/core/error.h"

namespace heed {

/// All that is wrong with a recipe. Its message has a line a problem, and only there line feeds.
struct ProblemList : ModelError {
  explicit ProblemList(const std::string& lines) : ModelError(lines) {}
};

}  // namespace heed
