#include "core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "heed/core/error.h"

namespace heed {
namespace {

class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw FileError("open", path_, errno);
  }
  ~OpenFile() { ::close(descriptor_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  /// What the file system says; pipes and devices say 0.
  int64_t expected_size() const {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0) throw FileError("look at", path_, errno);
    return S_ISREG(status.st_mode) ? static_cast<int64_t>(status.st_size) : 0;
  }

  /// Fills the buffer as far as the file goes.
  int64_t read(std::span<uint8_t> buffer) const {
    size_t filled = 0;
    while (filled < buffer.size()) {
      const ssize_t got = ::read(descriptor_, buffer.data() + filled, buffer.size() - filled);
      if (got == 0) break;
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw FileError("read", path_, errno);
      filled += static_cast<size_t>(got);
    }
    return static_cast<int64_t>(filled);
  }

 private:
  const std::filesystem::path& path_;
  int descriptor_;
};

}  // namespace

std::vector<uint8_t> read_file(const std::filesystem::path& file, int64_t limit) {
  const OpenFile open(file);
  // One byte more than expected, so that a file that grew, or a pipe, shows itself.
  std::vector<uint8_t> bytes(static_cast<size_t>(std::min(open.expected_size(), limit)) + 1);
  int64_t filled = 0;
  for (;;) {
    filled += open.read(std::span(bytes).subspan(static_cast<size_t>(filled)));
    if (filled > limit)
      throw DataError(file.string() + ": holds more than " + std::to_string(limit) +
                      " bytes, the most that is read of such a file");
    if (filled < static_cast<int64_t>(bytes.size())) break;
    bytes.resize(static_cast<size_t>(std::min(2 * filled + 65536, limit + 1)));
  }
  bytes.resize(static_cast<size_t>(filled));
  return bytes;
}

std::vector<uint8_t> read_file_head(const std::filesystem::path& file, int64_t count) {
  const OpenFile open(file);
  std::vector<uint8_t> bytes(static_cast<size_t>(count));
  bytes.resize(static_cast<size_t>(open.read(bytes)));
  return bytes;
}

}  // namespace heed
