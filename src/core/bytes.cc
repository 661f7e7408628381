#include "core/bytes.h"

#include <algorithm>

#include "core/byte_stream.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {

std::vector<uint8_t> read_bytes(const std::filesystem::path& file, int64_t limit) {
  const FileReader reader(file);
  if (reader.size() > static_cast<uint64_t>(limit))
    throw DataError(file.string() + ": holds " + std::to_string(reader.size()) +
                    " bytes, expected at most " + std::to_string(limit));
  std::vector<uint8_t> bytes(reader.size());
  reader.read(bytes.data(), bytes.size(), 0);
  return bytes;
}

std::vector<uint8_t> read_bytes_once(const std::filesystem::path& file, int64_t limit) {
  if (kind_of(file) != PathKind::other) return read_bytes(file, limit);
  auto stream = ByteStream::once(file);
  std::vector<uint8_t> bytes;
  std::vector<char> some(size_t{1} << 16);
  while (const size_t got = stream.read(some)) {
    bytes.insert(bytes.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(got));
    if (bytes.size() > static_cast<uint64_t>(limit))
      throw DataError(file.string() + ": holds more than " + std::to_string(limit) + " bytes");
  }
  return bytes;
}

std::vector<uint8_t> read_first_bytes(const std::filesystem::path& file, int64_t count) {
  const FileReader reader(file);
  std::vector<uint8_t> bytes(std::min(reader.size(), static_cast<uint64_t>(count)));
  reader.read(bytes.data(), bytes.size(), 0);
  return bytes;
}

}  // namespace heed
