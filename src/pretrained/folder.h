// The files of a folder that others trained.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "heed/formats/safetensors.h"

namespace heed::pretrained {

/// {tensor, shard}: in which file of the folder each tensor is, by model.safetensors.index.json. Shards
/// are plain names of files. Throws ModelError that names `file` and the tensor.
std::map<std::string, std::string> parse_weight_map(std::string_view json, const std::string& file);

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json names.
NamedTensors read_weights(const std::filesystem::path& folder);

}  // namespace heed::pretrained
