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

/// What stands at a path, links followed.
enum class PathKind { absent, file, folder, other };
/// Throws FileError where the system cannot say: links that run in circles, a folder that may not be
/// searched.
PathKind kind_of(const std::filesystem::path& path);

/// Writes a file that a user named, so that nothing is lost of what stood there:
///
///   a regular file, or none     replaced by one rename of a new file beside it, so that a reader sees
///                               the old bytes or the new ones and both survive a crash; mode and
///                               owner stay. Where a new file cannot take its place (the folder may
///                               not be written, the file is mounted), it is written over.
///   a link                      followed: what it points to is replaced, the link stays
///   a device, a pipe            written through
///   /dev/stdout, /dev/fd/N      written through, where that descriptor stands
///
/// The new file has a name of its own (.heed-partial-ID), which nobody else uses. Throws FileError
/// with path and cause; a folder is refused.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace heed
