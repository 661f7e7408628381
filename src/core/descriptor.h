// A file descriptor that closes itself.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "heed/core/error.h"

namespace heed {

class Descriptor {
 public:
  /// Opens; -1 when the system refuses, errno then says why.
  Descriptor(const std::filesystem::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// fsync of a file or folder by its path.
inline void sync_path(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (!file) throw FileError("open", path, errno);
  // EINVAL: a file system where folders have nothing to synchronise.
  if (::fsync(file.number()) != 0 && errno != EINVAL) throw FileError("synchronise", path, errno);
}

/// The folder that holds `path`.
inline std::filesystem::path parent_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace heed
