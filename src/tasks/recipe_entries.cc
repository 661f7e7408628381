#include "tasks/recipe_entries.h"

#include "heed/core/error.h"
#include "heed/tasks/recipe.h"

namespace heed {

std::vector<RecipeEntry> entries_of(const RecipeFile& file) {
  Recipe recipe;
  FieldReader reader(file);
  reader.read(recipe);
  try {
    reader.leave();
  } catch (const ModelError&) {
  }
  return recipe.entries();
}

}  // namespace heed
