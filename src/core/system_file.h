// Small files that the system shows: /proc, control groups.
#pragma once

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <new>

namespace heed {

/// One that is absent reads as empty. Throws std::bad_alloc, which a stream would keep to itself, where
/// there is no memory to open it or for its lines.
inline std::ifstream system_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file.is_open() && errno == ENOMEM) throw std::bad_alloc();
  file.exceptions(std::ios::badbit);
  return file;
}

}  // namespace heed
