// What keys a recipe has once it says this much.
#pragma once

#include <vector>

#include "heed/train/recipe.h"

namespace heed {

/// The fields of a recipe's parts, with what the file says of them. What it lacks or refuses does not
/// matter here: unknown keys are passed over. Throws what reading a value throws.
std::vector<RecipeEntry> entries_of(const RecipeFile& file);

}  // namespace heed
