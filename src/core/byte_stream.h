// A file read from its beginning to its end, unpacked where it is gzipped.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "heed/core/files.h"

namespace heed {

/// Whether it is gzipped, its first two bytes say, not its name. Memory: one buffer.
class ByteStream {
 public:
  explicit ByteStream(const std::filesystem::path& path);
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  /// Fills `out` from its front; less than out.size() at the end only. Throws FileError where the
  /// file cannot be read; DataError: a gzip stream that is cut short or damaged, bytes behind it.
  size_t read(std::span<char> out);

 private:
  void refill();
  size_t copy(std::span<char> out);
  size_t inflate_step(std::span<char> out);
  void next_member();
  [[noreturn]] void fail(const std::string& what) const;

  std::string name_;
  FileReader file_;
  uint64_t position_ = 0;  // of the file, behind what is in buffer_
  std::vector<uint8_t> buffer_;
  size_t first_ = 0, last_ = 0;  // what of buffer_ is not yet used
  bool packed_ = false, ended_ = false;
  z_stream stream_{};
};

}  // namespace heed
