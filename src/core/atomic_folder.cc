#include "heed/core/atomic_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/descriptor.h"
#include "core/list_folder.h"
#include "core/replace_folder.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

/// Links are followed, so that the folder behind one is replaced and the link stays.
fs::path resolved(const fs::path& target) {
  const auto kind = kind_of(target);
  if (kind == PathKind::absent) {
    // "out/" names the folder "out".
    return target.has_filename() ? target : target.parent_path();
  }
  if (kind != PathKind::folder) {
    throw FileError("cannot write the folder " + target.string() + ": a file of that name exists");
  }
  std::error_code failure;
  const fs::path real = fs::canonical(target, failure);
  if (failure) throw FileError("find", target, failure.value());
  return real;
}

/// The same file by another name; of a folder, a folder of such.
void link_tree(const fs::path& from, const fs::path& to) {
  if (fs::is_directory(fs::symlink_status(from))) {
    std::error_code failure;
    fs::create_directory(to, from, failure);
    if (failure) throw FileError("make the folder", to, failure.value());
    for (const auto& entry : list_folder(from)) link_tree(entry, to / entry.filename());
    return;
  }
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) == 0) return;
  std::error_code failure;
  fs::copy(from, to, fs::copy_options::copy_symlinks, failure);
  if (failure) throw FileError("copy " + from.string() + " to", to, failure.value());
}

void sync_tree(const fs::path& folder) {
  for (const auto& entry : list_folder(folder)) {
    if (fs::is_symlink(entry)) continue;
    if (kind_of(entry) == PathKind::folder) {
      sync_tree(entry);
    } else {
      sync_path(entry);
    }
  }
  sync_path(folder);
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& target) : target_(resolved(target)) {
  recover_folder(target_);
  while (descriptor_ <
         0) {  // another writer's recovery may remove the folder before its lock is held
    partial_ = make_partial_folder(target_);
    descriptor_ = lock_folder(partial_);
    if (descriptor_ < 0 && errno != EWOULDBLOCK && errno != ENOENT)
      throw FileError("lock the folder", partial_, errno);
  }
}

AtomicFolder::~AtomicFolder() {
  if (!partial_.empty()) {
    try {
      remove_tree(partial_);
    } catch (
        const std::exception&) {  // what stays is known by its name, and removed by a later call
    }
  }
  ::close(descriptor_);
}

void AtomicFolder::write(const std::string& name, std::string_view bytes) {
  const auto path = partial_ / name;
  std::error_code failure;
  fs::create_directories(path.parent_path(), failure);
  if (failure) throw FileError("make the folder", path.parent_path(), failure.value());
  FileWriter file(path);
  file.write(bytes);
  file.close();
}

void AtomicFolder::keep(const std::string& name) { link_tree(target_ / name, partial_ / name); }

void AtomicFolder::commit() {
  sync_tree(partial_);
  if (!replace_by_exchange(partial_, target_)) replace_by_two_renames(partial_, target_);
  partial_.clear();
}

}  // namespace heed
