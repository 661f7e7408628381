// Small folders as others write them, for tests of what reads them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "files.h"
#include "heed/formats/safetensors.h"
#include "heed/pretrained/pretrained.h"

namespace heed::test {

using Json = nlohmann::ordered_json;

/// A BERT of two tokens' width, as its config.json and its tensors.
Json small_bert_config();
NamedTensors small_bert_tensors(const std::string& prefix = "");

/// Writes config.json and model.safetensors.
void write_folder(const std::filesystem::path& folder, const Json& config,
                  const NamedTensors& tensors);

/// What reading says against it; empty: nothing.
std::string complaint(const std::filesystem::path& folder);

}  // namespace heed::test
