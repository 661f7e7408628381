// Folders, listed and removed. std::filesystem's iterators end the process where memory runs out (their
// steps are noexcept); these throw.
#pragma once

#include <filesystem>
#include <vector>

namespace heed {

/// The paths of what lies in a folder, in no order. Throws FileError.
std::vector<std::filesystem::path> list_folder(const std::filesystem::path& folder);

/// Removes a folder with all that it holds, or a file; what is not there is no error. Links are not
/// followed. Throws FileError, and leaves what it did not come to.
void remove_tree(const std::filesystem::path& path);

}  // namespace heed
