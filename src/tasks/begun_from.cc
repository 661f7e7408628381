#include "tasks/begun_from.h"

#include <algorithm>

#include "heed/core/error.h"
#include "heed/pretrained/pretrained.h"
#include "tasks/opened_model.h"

namespace heed {
namespace {

constexpr const char* kEncoderTensors = "encoder.";
constexpr const char* kSegments = "encoder.segment_embedding";

/// What decides which numbers the pieces of a text have.
bool decides_pieces(const std::string& path) {
  return path.starts_with("input") && (path.find(".tokenizer.") != std::string::npos ||
                                       path.find(".features.") != std::string::npos);
}

}  // namespace

BegunFrom::BegunFrom(Recipe& recipe) {
  try {
    auto opened = open_model(recipe.encoder.from);
    folder_ = std::move(opened.folder), files_ = std::move(opened.files);
    recipe_name_ = std::move(opened.recipe_name);
    check_input(recipe);
  } catch (const ModelError& error) {
    throw ModelError(std::string("encoder.from: ") + error.what());
  } catch (const FileError& error) {
    throw FileError(std::string("encoder.from: ") + error.what());
  }
}

void BegunFrom::check_input(Recipe& recipe) const {
  const auto& name = recipe_name_;
  auto theirs = Recipe::read(RecipeFile::parse(files_.recipe, name));
  std::map<std::string, std::string> values;
  for (const auto& entry : theirs.entries()) values.emplace(entry.path, entry.value);
  for (const auto& entry : recipe.entries()) {
    const auto found = values.find(entry.path);
    if (!decides_pieces(entry.path) || found == values.end() || found->second == entry.value)
      continue;
    throw ModelError(entry.path + " is " + entry.value + " and " + found->second + " in " + name +
                     ", whose tokenizer is taken; make them equal");
  }
}

Files BegunFrom::kept() const {
  Files kept;
  for (const auto& [name, bytes] : files_.others)
    if (is_pretrained_file(name)) kept.emplace(name, bytes);
  return kept;
}

void BegunFrom::load_encoder(Cell& cell) const {
  NamedTensors tensors;
  for (const auto& [name, tensor] : files_.tensors)
    if (name.starts_with(kEncoderTensors)) tensors.emplace_back(name, tensor);
  CellModule part;
  part.register_module("encoder", std::static_pointer_cast<torch::nn::Module>(cell.encoder));
  const auto have = [&](const std::string& name) {
    return std::any_of(tensors.begin(), tensors.end(),
                       [&](const auto& tensor) { return tensor.first == name; });
  };
  for (const auto& [name, tensor] : named_tensors(part))
    if (name == kSegments && !have(name)) tensors.emplace_back(name, tensor);
  try {
    load_into(part, tensors, folder_ / "model.safetensors");
  } catch (const ModelError& error) {
    throw ModelError(std::string("encoder.from: ") + error.what());
  }
}

}  // namespace heed
