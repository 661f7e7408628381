#include "heed/tasks/recipes.h"

#include "heed/core/files.h"
#include "heed/core/nearest.h"
#include "heed/train/model_folder.h"

namespace heed {

AnyRecipe read_any_recipe(const RecipeFile& file) {
  const std::string task = file.text_at("task");
  if (task == "answer") return read_recipe<AnswerRecipe>(file);
  if (task == "classify") return read_recipe<ClassifyRecipe>(file);
  if (task == "language") return read_recipe<LanguageRecipe>(file);
  if (task == "translate") return read_recipe<TranslateRecipe>(file);
  throw ModelError(file.name() + ": task: unknown '" + task + "'" +
                   suggestion(task, {"answer", "classify", "language", "translate"}));
}

std::string task_of_model(const std::filesystem::path& where) {
  return RecipeFile::read(find_model(where) / "recipe.toml").text_at("task");
}

std::unique_ptr<Task> make_task(const AnyRecipe& recipe) {
  return std::visit([](const auto& own) { return make_task(own); }, recipe);
}

}  // namespace heed
