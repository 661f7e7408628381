// What tells a model folder, shared by the files that read and keep them.
#pragma once

#include <filesystem>

namespace heed {

bool is_model_folder(const std::filesystem::path& folder);

}  // namespace heed
