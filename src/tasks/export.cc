#include "heed/tasks/export.h"

#include <map>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/pretrained/pretrained.h"
#include "heed/tasks/recipe.h"
#include "tasks/opened_model.h"

namespace heed {
namespace {

/// Keys that say what a model computes from its weights; the others act in training, or say where
/// targets stand and how answers are given.
bool decides_output(const std::string& key, const std::string& head) {
  if (key.ends_with("dropout") || key.ends_with("stochastic_depth")) return false;
  if (key.starts_with("encoder.")) return true;
  if (head == "text")
    return key.starts_with("head.") && !key.starts_with("head.generate.") &&
           !key.starts_with("head.metric.") && key != "head.preset" && key != "head.column";
  if (head == "embedding")
    return key.starts_with("head.pool.") || key == "head.width" || key == "head.bias" ||
           key == "head.activation" || key == "head.normalize";
  if (head == "masked") return key.starts_with("head.") && !key.starts_with("head.mask.");
  if (head == "tags" && key == "head.decoder") return true;
  return key.starts_with("head.pool.") || key.starts_with("head.dense.");
}

std::map<std::string, std::string> keys_of(const std::string& text) {
  auto recipe = Recipe::read_complete(RecipeFile::parse(text, "recipe.toml"));
  return RecipeFile::parse(to_toml(recipe.entries()), "recipe.toml").values();
}

/// Compares what the class to be written computes with what the model does.
void check_same_model(const ModelFiles& model) {
  const auto ours = keys_of(model.recipe), theirs = keys_of(recipe_of_class(model));
  const auto at = [](const auto& keys, const std::string& key) {
    const auto found = keys.find(key);
    return found == keys.end() ? "not there" : found->second;
  };
  auto head = at(ours, "head.kind");
  head = head.substr(1, head.size() - 2);  // without the quotes
  auto all = ours;
  all.insert(theirs.begin(), theirs.end());
  for (const auto& [key, value] : all) {
    if (!decides_output(key, head) || at(ours, key) == at(theirs, key)) continue;
    throw ModelError(text_of("no class of transformers is this model: ", key, " is ", at(ours, key),
                             ", and what its architecture has for the head '", head, "' is ",
                             at(theirs, key)));
  }
}

void check_one(const Recipe& recipe) {
  if (recipe.inputs.size() > 1 || recipe.heads.size() > 1)
    throw ModelError("no class of transformers is a model of " +
                     std::to_string(recipe.inputs.size()) + " inputs and " +
                     std::to_string(recipe.heads.size()) + " heads; expected one of each");
}

}  // namespace

void export_model(const std::filesystem::path& where, const std::filesystem::path& folder,
                  const ExportOptions& options) {
  const auto opened = open_model(where);
  refuse_int8(opened, "a folder of transformers");
  try {
    check_one(Recipe::read_complete(RecipeFile::parse(opened.files.recipe, opened.recipe_name)));
    check_same_model(opened.files);
    if (!options.adapter) return write_pretrained(folder, opened.files);
    write_adapter(folder, load_model(opened.folder));
  } catch (const ModelError& error) {
    throw ModelError("export of " + opened.folder.string() + ": " + error.what());
  }
}

}  // namespace heed
