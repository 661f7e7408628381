// Whole files, read and written with every failure reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace heed {

/// The bytes of a file; throws FileError when it cannot be read, is no regular file or holds more
/// than `limit` bytes.
std::string read_text(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 30);

/// A new file that is being written. A full disk, a quota or a failing device throws FileError at
/// the write that meets it. Nothing is synchronised: AtomicFolder does that for all of its files.
class FileWriter {
 public:
  /// create: a file that must not be there; append: the end of one that may be.
  enum class Mode { create, append };
  explicit FileWriter(std::filesystem::path path, Mode mode = Mode::create);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);
  void sync();   ///< returns when the bytes are on the device
  void close();  ///< reports what the last writes may still report; the destructor cannot

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_;
};

/// A file for reading at any place; what ends too early throws FileError.
class FileReader {
 public:
  explicit FileReader(std::filesystem::path path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  uint64_t size() const { return size_; }  ///< bytes, when it was opened
  void read(void* to, size_t bytes, uint64_t from) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
  uint64_t size_;
};

/// Replaces a file by one rename, so that a reader sees the old bytes or the new ones; both survive
/// a crash.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace heed
