// What reading all data of a recipe finds, for `heed check`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/core/error.h"

namespace heed {

struct Recipe;

/// What was found in one part of the data.
struct DataReport {
  std::string role;
  std::vector<std::string> paths;
  int64_t records = 0;
  std::vector<std::string> lines = {};     ///< for a reader: classes, lengths, missing values
  std::string json = "{}";                 ///< the same as an object
  int64_t problem_count = 0;               ///< all of them
  std::vector<std::string> problems = {};  ///< the first, a line each
  Failure why = Failure::data;             ///< of the first problem
};

/// Reads every part whole and says every problem instead of throwing at the first.
std::vector<DataReport> examine(Recipe& recipe);

}  // namespace heed
