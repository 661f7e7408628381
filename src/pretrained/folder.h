// The files of a folder that others trained.
#pragma once

#include <filesystem>

#include "heed/formats/safetensors.h"

namespace heed::pretrained {

/// The tensors of model.safetensors, or of the shards that model.safetensors.index.json names.
NamedTensors read_weights(const std::filesystem::path& folder);

}  // namespace heed::pretrained
