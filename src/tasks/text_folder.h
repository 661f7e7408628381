// What the trained models that write text have in common on disk.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/data/tokenizer.h"
#include "heed/train/model_folder.h"
#include "heed/train/recipe.h"

namespace heed {

struct TextFolder {
  std::filesystem::path folder;
  ModelFiles files;

  static TextFolder open(const std::filesystem::path& where);

  /// The recipe in the folder with some keys set. Throws ModelError for one of another task.
  template <class Recipe>
  Recipe recipe(const std::vector<std::string>& set) const {
    auto file = RecipeFile::parse(files.recipe, (folder / "recipe.toml").string());
    check_task(file.text_at("task"), Recipe().task);
    for (const auto& assignment : set) file.set(assignment);
    return read_recipe<Recipe>(file);
  }

  /// The tokenizer in the file `name`. Throws ModelError where there is none or a damaged one.
  data::TokenizerPtr tokenizer(const data::TokenizerOptions& options, const char* name) const;

  void check_task(const std::string& given, const std::string& expected) const;

  /// Gives a new model the folder's weights and sets it into evaluation mode.
  void load(torch::nn::Module& model) const;
};

}  // namespace heed
