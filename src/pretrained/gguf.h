// A GGUF file as the Hugging Face folder that it was made of.
#pragma once

#include <filesystem>

#include "heed/pretrained/pretrained.h"

namespace heed::pretrained {

/// config.json, tokenizer.json, tokenizer_config.json and generation_config.json as the metadata says
/// them, and the tensors under the names of transformers:
///
///   llama          rows of q and k stand in pairs (2c, 2c + 1) of a head's channels; here c, c + D/2
///   gemma2, gemma3 norms are stored as they multiply; here less 1
///
/// A file holds no name of the class, so all are causal language models. Throws what read_gguf throws,
/// and ModelError that names file and key: an architecture that is not known (with those that are), a
/// key of it that is not known, a tokenizer that is not.
PretrainedFiles read_gguf_files(const std::filesystem::path& path);

}  // namespace heed::pretrained
