#include "core/list_folder.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "heed/core/error.h"

namespace heed {
namespace fs = std::filesystem;

std::vector<fs::path> list_folder(const fs::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(folder.c_str()), ::closedir);
  if (!opened) throw FileError("list", folder, errno);
  std::vector<fs::path> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(opened.get());
    if (!entry && errno != 0) throw FileError("list", folder, errno);
    if (!entry) return entries;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") entries.push_back(folder / name);
  }
}

void remove_tree(const fs::path& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return;
    throw FileError("look at", path, errno);
  }
  const bool is_folder = S_ISDIR(status.st_mode);
  if (is_folder)
    for (const auto& entry : list_folder(path)) remove_tree(entry);
  if ((is_folder ? ::rmdir(path.c_str()) : ::unlink(path.c_str())) != 0 && errno != ENOENT)
    throw FileError("remove", path, errno);
}

}  // namespace heed
