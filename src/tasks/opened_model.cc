#include "tasks/opened_model.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/nn/lora.h"
#include "heed/pretrained/pretrained.h"
#include "heed/tasks/recipe.h"

namespace heed {
namespace {

/// Adapters become part of the weights that they stand beside.
void merge_adapters(OpenedModel& opened) {
  auto& tensors = opened.files.tensors;
  if (std::none_of(tensors.begin(), tensors.end(),
                   [](const auto& tensor) { return nn::is_lora(tensor.first); }))
    return;
  const auto recipe =
      Recipe::read_complete(RecipeFile::parse(opened.files.recipe, opened.recipe_name));
  try {
    tensors = nn::merged_lora(tensors, recipe.model.lora.alpha, recipe.model.lora.rank);
  } catch (const ModelError& error) {
    throw ModelError((opened.folder / "model.safetensors").string() + ": " + error.what());
  }
}

}  // namespace

OpenedModel open_model(const std::filesystem::path& where) {
  if (is_pretrained(where))
    return {where, read_pretrained(where),
            (is_directory(where) ? where / "config.json" : where).string() + " as a recipe"};
  const auto folder = find_model(where);
  OpenedModel opened{folder, load_model(folder), (folder / "recipe.toml").string()};
  merge_adapters(opened);
  opened.int8 = to_float32(opened.files.tensors, (folder / "model.safetensors").string());
  return opened;
}

void refuse_int8(const OpenedModel& opened, const std::string& what) {
  if (opened.int8.empty()) return;
  throw ModelError(opened.folder.string() + ": weights are of 8 bits (heed quantize), and " + what +
                   " needs float32; take the folder that it was made of");
}

}  // namespace heed
