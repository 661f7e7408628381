// The arguments of every verb that reads a recipe: RECIPE [--set KEY=VALUE]...
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "frame/frame.h"
#include "heed/tasks/recipe.h"

namespace heed::cli {

struct RecipeFlags {
  std::string file;
  std::vector<std::string> set;
};

inline void add_recipe_flags(CLI::App& verb, RecipeFlags& flags) {
  verb.add_option("recipe", flags.file, "TOML file: input, encoder, head, data, training")
      ->required()
      ->type_name("RECIPE");
  verb.add_option("--set", flags.set, "Set a key of the recipe: train.epochs=3")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

inline Recipe read(const RecipeFlags& flags) {
  refuse_twice("--set", flags.set);
  RecipeFile file = RecipeFile::read(flags.file);
  for (const auto& assignment : flags.set) file.set(assignment);
  return Recipe::read(file);
}

}  // namespace heed::cli
