#include "pretrained/folder.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed::pretrained {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr uint64_t kMostIndex = uint64_t{1} << 28;
/// Weights in formats that Heed does not read, and the reason.
constexpr std::pair<const char*, const char*> kFolderOthers[] = {
    {"pytorch_model.bin", "a pickle, which can run any program while it is read"},
    {"pytorch_model.bin.index.json", "of pickles, which can run any program while they are read"},
    {"tf_model.h5", "of TensorFlow"},
    {"flax_model.msgpack", "of Flax"}};

NamedTensors read_shards(const fs::path& folder) {
  const auto index = folder / kIndex;
  const auto where = parse_weight_map(read_text(index, kMostIndex), index.string());
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : where) shards.insert(shard);
  NamedTensors all;
  std::set<std::string> read;
  for (const auto& shard : shards) {
    const auto file = folder / shard;
    if (kind_of(file) == PathKind::absent)
      throw ModelError(text_of(file.string(), " is missing, and ", kIndex, " says that it holds ",
                               std::count_if(where.begin(), where.end(),
                                             [&](const auto& w) { return w.second == shard; }),
                               " tensors; fetch it, too"));
    for (auto& [name, tensor] : map_safetensors(file).tensors) {
      const auto said = where.find(name);
      if (said == where.end() || said->second != shard)
        throw ModelError(
            text_of(file.string(), ": holds the tensor '", name, "', which ", kIndex,
                    said == where.end() ? " does not name" : " says to be in " + said->second,
                    ": the files are of different models"));
      read.insert(name);
      all.emplace_back(name, std::move(tensor));
    }
  }
  for (const auto& [tensor, shard] : where)
    if (!read.contains(tensor))
      throw ModelError(text_of((folder / shard).string(), ": lacks the tensor '", tensor,
                               "', which ", kIndex, " says to be there"));
  return all;
}

/// LayerNorm's weights were called gamma and beta in TensorFlow, and are in folders that were made of
/// its checkpoints (bert-base-uncased).
std::string modern_name(std::string name) {
  for (const auto& [old, now] : {std::pair{".gamma", ".weight"}, {".beta", ".bias"}})
    if (name.ends_with(std::string("LayerNorm") + old))
      return name.substr(0, name.size() - std::string(old).size()) + now;
  return name;
}

}  // namespace

std::map<std::string, std::string> parse_weight_map(std::string_view text,
                                                    const std::string& file) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto wrong = [&](const std::string& what) { return ModelError(file + ": " + what); };
  if (json.is_discarded()) throw wrong("is not valid JSON");
  const auto found = json.is_object() ? json.find("weight_map") : json.end();
  if (!json.is_object() || found == json.end() || !found->is_object())
    throw wrong("expected an object with the object weight_map, which says where tensors are");
  std::map<std::string, std::string> all;
  for (const auto& [tensor, shard] : found->items()) {
    if (!shard.is_string()) throw wrong("weight_map: '" + tensor + "': expected a file's name");
    const auto name = shard.get<std::string>();
    constexpr std::string_view kNotPlain("/\0", 2);
    if (name.empty() || name == "." || name == ".." ||
        name.find_first_of(kNotPlain) != std::string::npos)
      throw wrong("weight_map: '" + tensor + "': expected a plain file name, found '" + name + "'");
    all.emplace(tensor, name);
  }
  if (all.empty()) throw wrong("weight_map names no tensor");
  return all;
}

NamedTensors read_weights(const fs::path& folder) {
  NamedTensors all;
  if (kind_of(folder / kWeights) != PathKind::absent) {
    all = map_safetensors(folder / kWeights).tensors;
  } else if (kind_of(folder / kIndex) != PathKind::absent) {
    all = read_shards(folder);
  } else {
    for (const auto& [name, what] : kFolderOthers)
      if (kind_of(folder / name) != PathKind::absent)
        throw ModelError(text_of((folder / name).string(), ": the weights are ", what,
                                 "; Heed reads safetensors. Write them by transformers: "
                                 "AutoModel.from_pretrained(FOLDER).save_pretrained(FOLDER), with "
                                 "the AutoModel... class of ",
                                 "the model's task"));
    throw ModelError(text_of(folder.string(), ": has config.json and no weights; expected ",
                             kWeights, " or ", kIndex));
  }
  for (auto& [name, tensor] : all) name = modern_name(name);
  return all;
}

}  // namespace heed::pretrained
