#include "data/plugin.h"

#include <dlfcn.h>

#include <filesystem>
#include <set>
#include <vector>

#include "heed/core/error.h"

namespace heed::data {
namespace {

std::vector<std::filesystem::path> plugin_folders() {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&plugin_folders), &info) != 0 && info.dli_fname) {
    folders.push_back(std::filesystem::canonical(info.dli_fname, error).parent_path());
  }
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  folders.push_back(program);
  folders.push_back(program.parent_path() / "lib");
  std::erase_if(folders, [](const auto& folder) { return folder.empty(); });
  return folders;
}

}  // namespace

void* open_plugin(const Plugin& plugin) {
  std::string looked;
  std::set<std::filesystem::path> seen;
  for (const auto& folder : plugin_folders()) {
    const auto file = folder / plugin.file;
    if (!seen.insert(file).second) continue;
    if (!std::filesystem::exists(file)) {
      looked += (looked.empty() ? "" : ", ") + folder.string();
      continue;
    }
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | plugin.flags);
    if (!library) {
      throw FileError("cannot open " + file.string() + ": " + dlerror() +
                      "; install Debian's package " + plugin.runtime);
    }
    void* entry = dlsym(library, plugin.entry);
    if (!entry) refuse_version(plugin);
    return entry;
  }
  throw FileError(std::string(plugin.what) + " need " + plugin.file + ", which is in none of " +
                  looked + "; install Debian's package " + plugin.build + " and build Heed again");
}

void refuse_version(const Plugin& plugin) {
  throw FileError(std::string(plugin.file) +
                  " belongs to another version of Heed; install both anew");
}

}  // namespace heed::data
