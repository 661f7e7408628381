// A model that a user names, whoever made it.
#pragma once

#include <filesystem>
#include <string>

#include "heed/train/model_folder.h"

namespace heed {

struct OpenedModel {
  std::filesystem::path folder;
  ModelFiles files;
  std::string recipe_name;  ///< what the recipe stands in, for messages
};

/// A model folder or run folder of Heed, or a folder that others trained (heed/pretrained).
/// Low-rank adapters are merged into the weights. Throws
/// ModelError, FileError.
OpenedModel open_model(const std::filesystem::path& where);

}  // namespace heed
