#include "heed/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/descriptor.h"
#include "heed/core/error.h"

namespace heed {
namespace fs = std::filesystem;

FileWriter::FileWriter(fs::path path, Mode mode) : path_(std::move(path)) {
  const int how = mode == Mode::create ? O_EXCL : O_APPEND;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0666);
  if (descriptor_ < 0) throw FileError("create", path_, errno);
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      throw FileError("write", path_, errno);
    }
  }
}

void FileWriter::sync() {
  if (::fsync(descriptor_) != 0) throw FileError("synchronise", path_, errno);
}

void FileWriter::close() {
  // Whatever close says, the descriptor is gone; EINTR leaves nothing to repeat on Linux.
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0 && errno != EINTR) throw FileError("close", path_, errno);
}

FileReader::FileReader(fs::path path) : path_(std::move(path)) {
  // O_NONBLOCK: a named pipe is refused below, not waited for.
  Descriptor file(path_, O_RDONLY | O_NONBLOCK);
  if (!file) throw FileError("open", path_, errno);
  struct stat status;
  if (::fstat(file.number(), &status) != 0) throw FileError("look at", path_, errno);
  if (!S_ISREG(status.st_mode)) {
    throw FileError("cannot read " + path_.string() + ": it is not a regular file");
  }
  size_ = static_cast<uint64_t>(status.st_size);
  descriptor_ = file.release();
}

FileReader::~FileReader() { ::close(descriptor_); }

void FileReader::read(void* to, size_t bytes, uint64_t from) const {
  char* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, at, bytes, static_cast<off_t>(from));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw FileError("read", path_, errno);
    if (got == 0) {
      throw FileError("cannot read " + path_.string() + ": it ends at byte " +
                      std::to_string(from) + ", " + std::to_string(bytes) + " more are expected");
    }
    at += got, bytes -= static_cast<size_t>(got), from += static_cast<uint64_t>(got);
  }
}

std::string read_text(const fs::path& path, uint64_t limit) {
  const FileReader file(path);
  if (file.size() > limit) {
    throw FileError("cannot read " + path.string() + ": it holds " + std::to_string(file.size()) +
                    " bytes, at most " + std::to_string(limit) + " are expected");
  }
  std::string bytes(file.size(), '\0');
  file.read(bytes.data(), bytes.size(), 0);
  return bytes;
}

PathKind kind_of(const fs::path& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISREG(status.st_mode)) return PathKind::file;
    return S_ISDIR(status.st_mode) ? PathKind::folder : PathKind::other;
  }
  // What is too long for a name is none: a text may be asked whether it is a file.
  if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return PathKind::absent;
  throw FileError("look at", path, errno);
}

}  // namespace heed
