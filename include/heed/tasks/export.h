// Trained models as others read them.
#pragma once

#include <filesystem>

namespace heed {

struct ExportOptions {
  bool adapter = false;  ///< the adapters alone, as PEFT's files, in place of the whole model
};

/// Writes a model or a run that began with a folder of transformers as such a folder: config.json,
/// model.safetensors in float32 with adapters merged, and the tokenizer's files. Throws UsageError
/// where the folder is not empty; ModelError for a model that none of their classes holds, with the
/// part and the key that they lack; FileError.
void export_model(const std::filesystem::path& model, const std::filesystem::path& folder,
                  const ExportOptions& options = {});

}  // namespace heed
