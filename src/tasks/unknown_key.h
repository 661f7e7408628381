// What to say of a key that a recipe has and its parts do not ask for.
#pragma once

#include <string>

#include "heed/train/recipe.h"

namespace heed {

/// Where another value of one key of the recipe would make `path` known, that: ", which is there
/// only where head.encoder_layers is above 0 (it is 0); change that or remove this key". "" where
/// none would, and for keys of one [[table]] of several. Cost: the recipe is read once for each other
/// value of the keys beside `path` and above it.
std::string only_where(const RecipeFile& file, const std::string& path);

}  // namespace heed
