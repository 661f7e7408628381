// A model that a user names, whoever made it.
#pragma once

#include <filesystem>
#include <string>

#include "heed/train/model_folder.h"
#include "train/int8_tensors.h"

namespace heed {

struct OpenedModel {
  std::filesystem::path folder;
  ModelFiles files;            ///< weights of 8 bits as float32
  std::string recipe_name;     ///< what the recipe stands in, for messages
  Int8ScalesByName int8 = {};  ///< of weights that are of 8 bits
};

/// Throws ModelError where a model is of 8 bits: `what` needs the float32 weights that it was made of.
void refuse_int8(const OpenedModel& opened, const std::string& what);

/// A model folder or run folder of Heed, or a folder that others trained (heed/pretrained).
/// Low-rank adapters are merged into the weights. Throws
/// ModelError, FileError.
OpenedModel open_model(const std::filesystem::path& where);

}  // namespace heed
