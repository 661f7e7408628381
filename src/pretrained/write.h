// How a model of Heed is written as a folder of transformers.
#pragma once

#include "heed/train/model_folder.h"
#include "pretrained/architecture.h"

namespace heed::pretrained {

/// The class of transformers, and what the tensors of ours are called there.
struct Written {
  std::string config;  ///< config.json
  Task task;
  Plan plan;
  std::map<std::string, std::string> others = {};  ///< more files, by their path in the folder
};

/// Throws ModelError where no class of theirs has the model's head.
Written plan_to_write(const ModelFiles& model);

}  // namespace heed::pretrained

namespace heed {

/// Throws UsageError unless a model can be written there: the folder is missing or empty.
void refuse_full_folder(const std::filesystem::path& path);

}  // namespace heed
