#include "heed/train/model_folder.h"

#include <nlohmann/json.hpp>

#include "formats/safetensors_header.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"
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

void check_replaceable(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored) || fs::is_empty(folder, ignored)) return;
  if (fs::exists(folder / kModel, ignored)) return;
  throw UsageError("cannot write a model to " + folder.string() +
                   ": the folder holds other files and would be replaced; name a new one");
}

void check_name(const std::string& name) {
  for (const char* own : {kRecipe, kModel, kMetrics, kStateTensors, kStateValues}) {
    if (name == own) throw UsageError("save_model: the file " + name + " is written by save_model");
  }
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
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
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
      throw ModelError(tensor_file.string() + ": the metadata lists " + in_quotes(name) +
                       ", which is not a plain file name");
    }
    const std::string bytes = read_text(folder / name);
    if (checksum(bytes) != expected) {
      throw ModelError((folder / name).string() + ": has the checksum " + checksum(bytes) +
                       ", expected " + expected + " (" + tensor_file.filename().string() +
                       "): the file is damaged or was edited");
    }
    files.emplace(name, bytes);
  }
  return files;
}

void require(const fs::path& folder, const char* name) {
  if (!fs::exists(folder / name)) {
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

}  // namespace

bool is_model_folder(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kModel, ignored) || fs::exists(folder / kRecipe, ignored);
}

void save_model(const fs::path& target, const ModelFiles& files) {
  check_replaceable(target);
  AtomicFolder folder(target);
  folder.write(kRecipe, files.recipe);
  folder.write(kMetrics, files.metrics);
  std::map<std::string, std::string> beside;
  for (const auto& [name, bytes] : files.others) {
    check_name(name);
    folder.write(name, bytes);
    beside.emplace(std::string(kBeside) + name, checksum(bytes));
  }
  write_safetensors(folder.path() / kModel, files.tensors, beside);
  if (files.state) {
    folder.write(kStateValues, files.state->values);
    write_safetensors(folder.path() / kStateTensors, files.state->tensors,
                      {{std::string(kBeside) + kStateValues, checksum(files.state->values)}});
  }
  folder.commit();
}

ModelFiles load_model(const fs::path& where, WithState state) {
  const fs::path folder = find_model(where);
  for (const char* name : {kRecipe, kModel, kMetrics}) require(folder, name);
  ModelFiles files;
  files.recipe = read_text(folder / kRecipe);
  files.metrics = read_text(folder / kMetrics);
  check_json(folder / kMetrics, files.metrics);
  Safetensors model = read_safetensors(folder / kModel);
  files.others = read_beside(folder, folder / kModel, model.metadata);
  files.tensors = std::move(model.tensors);
  if (state == WithState::yes) files.state = read_state(folder);
  return files;
}

}  // namespace heed
