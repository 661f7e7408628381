// Any recipe: what `heed train` reads without knowing the task.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "heed/tasks/answer.h"
#include "heed/tasks/classify.h"
#include "heed/tasks/language.h"
#include "heed/tasks/translate.h"

namespace heed {

using AnyRecipe = std::variant<AnswerRecipe, ClassifyRecipe, LanguageRecipe, TranslateRecipe>;

/// Reads a recipe of whatever task it names. Throws ModelError: an unknown task (with the nearest
/// known one), and what read_recipe throws.
AnyRecipe read_any_recipe(const RecipeFile& file);

/// The task that a model was trained for, by the recipe in its folder (see find_model). Throws
/// ModelError, FileError.
std::string task_of_model(const std::filesystem::path& where);

/// make_task of the recipe's own task.
std::unique_ptr<Task> make_task(const AnyRecipe& recipe);

}  // namespace heed
