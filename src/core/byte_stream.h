// A file read from its beginning to its end, unpacked where it is gzipped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "core/descriptor.h"
#include "core/gzip.h"
#include "heed/core/files.h"

namespace heed {

/// Whether it is gzipped, its first two bytes say, not its name. Memory: one buffer.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& path);
  /// Standard input from where it stands, whatever it is: a file, a pipe, a terminal.
  static ByteStream standard_input() { return ByteStream(); }
  /// What can be read once: "-", standard input; a pipe, which is waited for; a file.
  static ByteStream once(const std::filesystem::path& path) { return {path, Once()}; }

  /// Fills `out` from its front; less than out.size() at the end only, and of what is no file what
  /// is there, at least one byte unless it has ended. Throws FileError where it cannot be read;
  /// DataError: a gzip stream that is cut short or damaged, bytes behind it.
  size_t read(std::span<char> out);
  /// Would read() return at once? Always of a file.
  bool ready() const;

 private:
  struct Once {};
  ByteStream();
  ByteStream(const std::filesystem::path& path, Once);
  void begin(const std::string& name);
  void refill(size_t least = 1);
  size_t copy(std::span<char> out);
  size_t unpack(std::span<char> out);
  void next_member();

  std::optional<FileReader> file_;  // unset: what flows_ says, or standard input
  std::optional<Descriptor> flows_;
  uint64_t position_ = 0;  // of the file, behind what is in buffer_
  std::vector<uint8_t> buffer_;
  size_t first_ = 0, last_ = 0;  // what of buffer_ is not yet used
  bool ended_ = false;
  std::optional<Inflater> inflater_;  // of a gzipped file
};

}  // namespace heed
