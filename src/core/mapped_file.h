// A file as memory: its pages are read when they are looked at, and shared by all who map it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace heed {

/// The bytes of a regular file, to read alone. A file that others cut short while it is mapped ends
/// the process that reads behind its end (SIGBUS), so this is for files that stand, as models do.
class MappedFile {
 public:
  /// Throws FileError where it cannot be opened, is no regular file or cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const char* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace heed
