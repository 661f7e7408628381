// The recipe of a verb that reads one: RECIPE [--set KEY=VALUE]...
#pragma once

#include "flags.h"
#include "frame/twice.h"
#include "heed/tasks/recipe.h"

namespace heed::cli {

inline Recipe read(const RecipeFlags& flags) {
  refuse_twice("--set", flags.set);
  RecipeFile file = RecipeFile::read(flags.file);
  for (const auto& assignment : flags.set) file.set(assignment);
  return Recipe::read(file);
}

}  // namespace heed::cli
