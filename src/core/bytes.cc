#include "core/bytes.h"

#include <algorithm>

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

std::vector<uint8_t> read_first_bytes(const std::filesystem::path& file, int64_t count) {
  const FileReader reader(file);
  std::vector<uint8_t> bytes(std::min(reader.size(), static_cast<uint64_t>(count)));
  reader.read(bytes.data(), bytes.size(), 0);
  return bytes;
}

}  // namespace heed
