#include "heed/train/model_folder.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/list_folder.h"
#include "formats/safetensors_header.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
#include "heed/train/recipe.h"
#include "train/run_folder.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRecipe = "recipe.toml";
constexpr const char* kModel = "model.safetensors";
constexpr const char* kMetrics = "metrics.json";
constexpr const char* kStateTensors = "state.safetensors";
constexpr const char* kStateValues = "state.json";
/// Metadata "file/NAME" of a tensor file: the checksum of a file that stands beside it.
constexpr std::string_view kBeside = "file/";

bool stands(const fs::path& path) { return kind_of(path) != PathKind::absent; }

void check_replaceable(const fs::path& folder) {
  if (kind_of(folder) != PathKind::folder || list_folder(folder).empty()) return;
  if (stands(folder / kModel)) return;
  throw UsageError("cannot write a model to " + folder.string() +
                   ": the folder holds other files and would be replaced; name a new one");
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
}

void check_name(const std::string& name) {
  for (const char* own : {kRecipe, kModel, kMetrics, kStateTensors, kStateValues}) {
    if (name == own) throw UsageError("save_model: the file " + name + " is written by save_model");
  }
  if (!is_plain_name(name)) {
    throw UsageError("save_model: " + in_quotes(name) + " is not a plain file name");
  }
}

/// The files that the tensor file's metadata lists, each with the checksum that it says.
std::map<std::string, std::string> read_beside(const fs::path& folder, const fs::path& tensor_file,
                                               const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> files;
  for (const auto& [key, expected] : metadata) {
    if (!key.starts_with(kBeside)) continue;
    const std::string name = key.substr(kBeside.size());
    if (!is_plain_name(name)) {
      throw ModelError(tensor_file.string() + ": the metadata lists " + in_quotes(name) +
                       ", which is not a plain file name");
    }
    const std::string bytes = read_text(folder / name);
    if (checksum(bytes) != expected) {
      throw ModelError(
          (folder / name).string() + ": has the checksum " + checksum(bytes) + ", expected " +
          expected + " (" + tensor_file.filename().string() +
          "): the file is damaged or was edited" +
          (name == kRecipe ? "; --set changes a key of a model's recipe for one call" : ""));
    }
    files.emplace(name, bytes);
  }
  return files;
}

void require(const fs::path& folder, const char* name) {
  if (!stands(folder / name)) {
    throw ModelError(folder.string() + ": the model folder lacks " + name);
  }
}

void check_json(const fs::path& file, const std::string& text) {
  if (!nlohmann::json::accept(text)) throw ModelError(file.string() + ": is not valid JSON");
}

TrainState read_state(const fs::path& folder) {
  require(folder, kStateTensors);
  require(folder, kStateValues);
  Safetensors file = read_safetensors(folder / kStateTensors);
  auto beside = read_beside(folder, folder / kStateTensors, file.metadata);
  if (!beside.contains(kStateValues)) {
    throw ModelError((folder / kStateTensors).string() + ": the metadata lacks the checksum of " +
                     kStateValues);
  }
  check_json(folder / kStateValues, beside[kStateValues]);
  return {std::move(file.tensors), std::move(beside[kStateValues])};
}

/// The checksum of a file as metadata of the tensor file beside it.
void add_checksum(std::map<std::string, std::string>& metadata, const std::string& name,
                  const std::string& bytes) {
  metadata.emplace(std::string(kBeside) + name, checksum(bytes));
}

/// The file as its checksum said, or read where there is none.
std::string take_file(std::map<std::string, std::string>& beside, const fs::path& folder,
                      const char* name) {
  auto found = beside.extract(name);
  return found ? std::move(found.mapped()) : read_text(folder / name);
}

void read_back(const fs::path& folder, bool state) {
  const ModelFiles files = load_model(folder, state ? WithState::yes : WithState::no);
  RecipeFile::parse(files.recipe, (folder / kRecipe).string());
}

}  // namespace

bool is_model_folder(const fs::path& folder) {
  return stands(folder / kModel) || stands(folder / kRecipe);
}

std::vector<std::string> foreign_files(const fs::path& folder) {
  std::vector<std::string> foreign;
  if (kind_of(folder) != PathKind::folder) return foreign;
  std::set<std::string> own{kRecipe, kModel, kMetrics, kStateTensors, kStateValues};
  try {
    for (const auto& [key, sum] : read_safetensors_metadata(folder / kModel))
      if (key.starts_with(kBeside)) own.insert(key.substr(kBeside.size()));
  } catch (const Error&) {  // of a damaged model nothing says which other files are its own
  }
  for (const auto& entry : list_folder(folder)) {
    const auto name = entry.filename().string();
    if (!own.contains(name)) foreign.push_back(name);
  }
  std::sort(foreign.begin(), foreign.end());
  return foreign;
}

void save_model(const fs::path& target, const ModelFiles& files) {
  check_replaceable(target);
  AtomicFolder folder(target);
  for (const auto& name : foreign_files(target))
    if (!files.others.contains(name)) folder.keep(name);
  folder.write(kRecipe, files.recipe);
  folder.write(kMetrics, files.metrics);
  std::map<std::string, std::string> beside;
  add_checksum(beside, kRecipe, files.recipe);
  add_checksum(beside, kMetrics, files.metrics);
  for (const auto& [name, bytes] : files.others) {
    check_name(name);
    folder.write(name, bytes);
    add_checksum(beside, name, bytes);
  }
  write_safetensors(folder.path() / kModel, files.tensors, beside);
  if (files.state) {
    folder.write(kStateValues, files.state->values);
    write_safetensors(folder.path() / kStateTensors, files.state->tensors,
                      {{std::string(kBeside) + kStateValues, checksum(files.state->values)}});
  }
  read_back(folder.path(), files.state.has_value());
  folder.commit();
}

ModelFiles load_model(const fs::path& where, WithState state) {
  const fs::path folder = find_model(where);
  for (const char* name : {kRecipe, kModel, kMetrics}) require(folder, name);
  ModelFiles files;
  Safetensors model = read_safetensors(folder / kModel);
  files.others = read_beside(folder, folder / kModel, model.metadata);
  files.recipe = take_file(files.others, folder, kRecipe);
  files.metrics = take_file(files.others, folder, kMetrics);
  check_json(folder / kMetrics, files.metrics);
  files.tensors = std::move(model.tensors);
  if (state == WithState::yes) files.state = read_state(folder);
  return files;
}

std::vector<std::pair<std::string, FileState>> verify_model(const fs::path& folder) {
  const bool has_state = stands(folder / kStateTensors) || stands(folder / kStateValues);
  load_model(folder, has_state ? WithState::yes : WithState::no);
  std::set<std::string> own{kRecipe, kModel, kMetrics}, covered;
  std::vector<const char*> tensor_files{kModel};
  if (has_state) tensor_files.push_back(kStateTensors), own.insert({kStateTensors, kStateValues});
  for (const char* tensor_file : tensor_files) {
    const auto file = read_safetensors(folder / tensor_file);
    if (file.has_checksums) covered.insert(tensor_file);
    for (const auto& [key, sum] : file.metadata)
      if (key.starts_with(kBeside)) covered.insert(key.substr(kBeside.size()));
  }
  own.insert(covered.begin(), covered.end());
  std::vector<std::pair<std::string, FileState>> files;
  for (const auto& name : own)
    files.emplace_back(name, covered.contains(name) ? FileState::verified : FileState::no_checksum);
  for (const auto& name : foreign_files(folder))
    if (!own.contains(name)) files.emplace_back(name, FileState::foreign);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace heed
