#include "core/replace_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "core/descriptor.h"
#include "core/list_folder.h"
#include "core/unique_name.h"
#include "heed/core/atomic_folder.h"
#include "heed/core/error.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

fs::path hidden(const fs::path& target, const std::string& stage, const std::string& id) {
  std::string name = ".";
  name.append(target.filename().string()).append(".").append(stage).append("-").append(id);
  return parent_of(target) / name;
}

std::string id_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return name.substr(name.rfind('-') + 1);
}

void rename_path(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    throw FileError("rename " + from.string() + " to", to, errno);
}

/// The folders beside the target that are in that stage and whose writer is dead.
std::vector<fs::path> abandoned(const fs::path& target, const std::string& stage) {
  const std::string prefix = hidden(target, stage, "").filename().string();
  std::vector<fs::path> found;
  for (const auto& entry : list_folder(parent_of(target))) {
    const std::string name = entry.filename().string();
    if (!name.starts_with(prefix) || !is_unique_id(name.substr(prefix.size()))) continue;
    const int lock = lock_folder(entry);
    if (lock < 0) continue;
    ::close(lock);
    found.push_back(entry);
  }
  return found;
}

bool stands(const fs::path& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

fs::path partial_name(const fs::path& target) { return hidden(target, "partial", unique_id()); }

}  // namespace

fs::path make_partial_folder(const fs::path& target) {
  const fs::path folder = partial_name(target);
  if (::mkdir(folder.c_str(), 0777) != 0) throw FileError("make the folder", folder, errno);
  return folder;
}

bool replace_by_exchange(const fs::path& fresh, const fs::path& target) {
  const unsigned how = stands(target) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, target.c_str(), how) != 0) {
    if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
    throw FileError("rename " + fresh.string() + " to", target, errno);
  }
  sync_path(parent_of(target));
  if (how == RENAME_EXCHANGE) remove_tree(fresh);
  return true;
}

void replace_by_two_renames(const fs::path& fresh, const fs::path& target) {
  const fs::path ready = hidden(target, "ready", id_of(fresh));
  const fs::path old = hidden(target, "old", id_of(fresh));
  rename_path(fresh, ready);
  const bool replaces = stands(target);
  // While this process lives, nobody else's recovery shall put the old folder back.
  const Descriptor held(lock_folder(target));
  try {
    if (replaces) rename_path(target, old);
    rename_path(ready, target);
  } catch (...) {
    if (replaces && !stands(target)) ::rename(old.c_str(), target.c_str());
    std::error_code ignored;
    fs::remove_all(ready, ignored);
    throw;
  }
  sync_path(parent_of(target));
  if (replaces) remove_tree(old);
}

int lock_folder(const fs::path& folder) {
  Descriptor opened(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) return -1;
  // A file system without locks (other errors) serves one writer of a target at a time.
  if (::flock(opened.number(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return -1;
  return opened.release();
}

void recover_folder(const fs::path& target) {
  for (const char* stage : {"ready", "old"}) {
    for (const auto& folder : abandoned(target, stage)) {
      // The new folder is preferred: its writer had finished it.
      if (stands(target)) {
        remove_tree(folder);
      } else {
        rename_path(folder, target);
        sync_path(parent_of(target));
      }
    }
  }
  for (const auto& folder : abandoned(target, "partial")) remove_tree(folder);
}

void remove_folder(const fs::path& folder) {
  const fs::path hidden_away = partial_name(folder);
  rename_path(folder, hidden_away);
  remove_tree(hidden_away);
}

}  // namespace heed
