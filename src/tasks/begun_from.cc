#include "tasks/begun_from.h"

#include <algorithm>

#include "core/text.h"
#include "heed/pretrained/pretrained.h"

namespace heed {
namespace {

constexpr const char* kEncoderTensors = "encoder.";
constexpr const char* kHeadTensors = "head.";
constexpr const char* kSegments = "encoder.segment_embedding";

using Keys = std::map<std::string, std::string>;

/// Every key of a complete recipe, tables within a line as keys of their own.
Keys keys_of(Recipe& recipe) {
  return RecipeFile::parse(to_toml(recipe.entries()), "keys").values();
}

RecipeFile recipe_of(const OpenedModel& opened) {
  return RecipeFile::parse(opened.files.recipe, opened.recipe_name);
}

bool starts_with_any(const std::string& text, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](const auto& beginning) { return text.starts_with(beginning); });
}

/// Whether a key is taken from a model, one that writes texts or not.
bool is_taken(const std::string& key, bool writes) {
  if (key == "input.column" || key == "input.second" || key == "input.pair" ||
      key == "input.workers" || key == "head.column")
    return false;
  if (!writes) return starts_with_any(key, {"encoder.", "input."});
  return starts_with_any(key, {"encoder.", "head.", "input."}) && !key.starts_with("head.metric.");
}

/// Whether a key may differ from the model's: what acts in training alone, how texts are written,
/// and of the input what changes neither the numbers of pieces nor what the encoder reads.
bool may_differ(const std::string& key) {
  if (key.ends_with("dropout") || key.ends_with("stochastic_depth")) return true;
  if (key.starts_with("head.generate.")) return true;
  const bool decides_pieces =
      key.find(".tokenizer.") != std::string::npos || key.find(".features.") != std::string::npos ||
      starts_with_any(key, {"input.source.", "input.target.", "input.log_mel."});
  return key.starts_with("input.") && key != "input.kind" && !decides_pieces;
}

template <class Use>
auto as_model_from(Use&& use) {
  try {
    return use();
  } catch (const ModelError& error) {
    throw ModelError(std::string("model.from: ") + error.what());
  } catch (const FileError& error) {
    throw FileError(std::string("model.from: ") + error.what() +
                    "; say where it is by --set model.from=FOLDER");
  }
}

/// Whether words are read as pieces by an encoder of texts.
bool reads_words_of(const std::string& input, const Recipe& theirs) {
  return input == "words" && theirs.inputs.size() == 1 && theirs.inputs.front().kind == "text";
}

bool writes_texts(const std::string& head) { return head == "text"; }

}  // namespace

std::string text_in(const RecipeFile& file, const std::string& key) {
  const auto values = file.values();
  const auto found = values.find(key);
  if (found == values.end() || found->second.size() < 2) return "";
  return found->second.substr(1, found->second.size() - 2);  // without the quotes
}

std::shared_ptr<const OpenedModel> open_begin(const std::string& from) {
  return as_model_from([&] {
    auto opened = open_model(from);
    refuse_int8(opened, "training");
    return std::make_shared<const OpenedModel>(std::move(opened));
  });
}

RecipeFile with_keys_of(RecipeFile file, const OpenedModel& opened) {
  const auto given = file.values();
  auto theirs = Recipe::read_complete(recipe_of(opened));
  const bool writes = writes_texts(theirs.heads.front().kind);
  // Also where a key above it is given: [[input]] is a list whose tables have keys of their own.
  const auto has = [&](const std::string& key) {
    return std::any_of(given.begin(), given.end(), [&](const auto& value) {
      return value.first == key || value.first.starts_with(key + ".") ||
             key.starts_with(value.first + ".");
    });
  };
  const auto head = text_in(file, "head.kind");
  if (writes && !head.empty() && !writes_texts(head))
    throw ModelError(text_of("model.from: ", opened.folder.string(),
                             " is a model that writes texts"
                             ", of which the head '",
                             head, "' takes no encoder; expected head.kind = \"text\""));
  const bool words = reads_words_of(text_in(file, "input.kind"), theirs);
  if (words && !has("input.pieces")) file.set("input.pieces=true");
  const auto all = keys_of(theirs);
  // Of another kind, which is refused below, other keys hold.
  const auto of_another_kind = [&](const std::string& key) {
    const auto kind = key.substr(0, key.rfind('.')) + ".kind";
    return given.contains(kind) && all.contains(kind) && given.at(kind) != all.at(kind);
  };
  for (const auto& [key, value] : all) {
    if (words && key.starts_with("input.") && !key.starts_with("input.tokenizer.")) continue;
    if (is_taken(key, writes) && !has(key) && !of_another_kind(key)) file.set(key + "=" + value);
  }
  return file;
}

void check_keys_of(Recipe& recipe, const OpenedModel& opened) {
  auto theirs = Recipe::read_complete(recipe_of(opened));
  const bool writes = writes_texts(theirs.heads.front().kind);
  const auto expected = keys_of(theirs), given = keys_of(recipe);
  const bool words = reads_words_of(recipe.inputs.front().kind, theirs);
  const auto value_in = [](const Keys& keys, const std::string& key) {
    const auto found = keys.find(key);
    return found == keys.end() ? "not there" : found->second;
  };
  // Keys that only one of them has come last: they may follow from another.
  Keys both, all = given;
  all.insert(expected.begin(), expected.end());
  for (const auto& [key, value] : given)
    if (expected.contains(key)) both.emplace(key, value);
  std::vector<std::string> keys;
  for (const auto& part : {both, all})
    for (const auto& [key, value] : part) keys.push_back(key);
  for (const auto& key : keys) {
    if (!is_taken(key, writes) || may_differ(key) || (words && key == "input.kind")) continue;
    const auto is = value_in(given, key), was = value_in(expected, key);
    if (is == was) continue;
    throw ModelError(text_of(recipe.file, recipe.file.empty() ? "" : ": ", key, " is ", is,
                             ", and ", was, " in ", opened.recipe_name,
                             ", which model.from names and whose weights are taken; leave the key "
                             "out"));
  }
}

BegunFrom::BegunFrom(const Recipe& recipe) : opened_(recipe.model.opened), taken_{kEncoderTensors} {
  if (!opened_) opened_ = open_begin(recipe.model.from);
  const auto theirs = Recipe::read_complete(recipe_of(*opened_));
  const auto& head = recipe.heads.front().kind;
  const bool same =
      recipe.heads.size() == 1 && theirs.heads.size() == 1 && head == theirs.heads.front().kind;
  if (same && (writes_texts(head) || head == "masked")) taken_.emplace_back(kHeadTensors);
}

Files BegunFrom::kept() const {
  Files kept;
  for (const auto& [name, bytes] : opened_->files.others)
    if (is_pretrained_file(name)) kept.emplace(name, bytes);
  return kept;
}

void BegunFrom::load_heads(Cell& cell) const {
  const auto& head = cell.recipe.heads.front();
  if (taken_.size() > 1 && writes_texts(head.kind))
    as_model_from([&] { head.get()->load(opened_->files.others); });
}

std::function<bool(const std::string&)> BegunFrom::takes() const {
  return [taken = taken_](const std::string& weight) { return starts_with_any(weight, taken); };
}

void BegunFrom::load_weights(Cell& cell) const {
  const auto takes_weight = takes();
  NamedTensors tensors;
  for (const auto& tensor : opened_->files.tensors)
    if (takes_weight(tensor.first)) tensors.push_back(tensor);
  const auto have = [&](const std::string& name) {
    return std::any_of(tensors.begin(), tensors.end(),
                       [&](const auto& tensor) { return tensor.first == name; });
  };
  for (const auto& [name, tensor] : named_tensors(*cell.module))
    if (!takes_weight(name) || (name == kSegments && !have(name)))
      tensors.emplace_back(name, tensor);
  as_model_from([&] { load_into(*cell.module, tensors, opened_->folder / "model.safetensors"); });
}

}  // namespace heed
