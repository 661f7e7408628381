#include "tasks/opened_model.h"

#include "heed/pretrained/pretrained.h"

namespace heed {

OpenedModel open_model(const std::filesystem::path& where) {
  if (is_pretrained(where))
    return {where, read_pretrained(where), (where / "config.json").string() + " as a recipe"};
  const auto folder = find_model(where);
  return {folder, load_model(folder), (folder / "recipe.toml").string()};
}

}  // namespace heed
