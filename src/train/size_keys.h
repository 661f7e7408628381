// Which keys of a recipe make a model large.
#pragma once

#include <string>
#include <vector>

#include "heed/train/recipe.h"

namespace heed {

/// "encoder.width = 1048576, encoder.layers = 6": widths, layers, vocabularies, with their values,
/// the largest numbers first and at most six of them.
std::string sizes_of(const std::vector<RecipeEntry>& recipe);

}  // namespace heed
