// Output that a user named, written wherever the name leads.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "core/descriptor.h"
#include "core/unique_name.h"
#include "heed/core/error.h"
#include "heed/core/files.h"

namespace heed {
namespace fs = std::filesystem;
namespace {

constexpr int kMostLinks = 40;  // as many as the kernel follows

/// Where a name leads: to a path that is no link, or to a descriptor of this process.
struct Destination {
  fs::path path;
  std::optional<int> descriptor;
};

/// The number behind /proc/PID/fd/ of this process.
std::optional<int> own_descriptor(const fs::path& folder, const std::string& name) {
  if (folder != "/proc/" + std::to_string(::getpid()) + "/fd") return std::nullopt;
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

Destination follow(const fs::path& named) {
  fs::path path = named;
  for (int links = 0; links <= kMostLinks; ++links) {
    std::error_code failure;
    const fs::path folder = fs::canonical(parent_of(path), failure);
    if (failure) throw FileError("write", named, failure.value());
    path = folder / path.filename();
    if (const auto number = own_descriptor(folder, path.filename().string())) return {path, number};
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return {path, {}};
    const fs::path target = fs::read_symlink(path, failure);
    if (failure) throw FileError("follow the link", path, failure.value());
    path = folder / target;  // an absolute target replaces the folder
  }
  throw FileError("write", named, ELOOP);
}

void write_all(int descriptor, std::string_view bytes, const fs::path& named) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) throw FileError("write", named, errno);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void close_checked(Descriptor& file, const fs::path& named) {
  if (::close(file.release()) != 0 && errno != EINTR) throw FileError("close", named, errno);
}

/// Over what stands there, or into a device or a pipe.
void write_through(const fs::path& path, std::string_view bytes, const fs::path& named) {
  Descriptor file(path, O_WRONLY | O_TRUNC | O_NOCTTY);
  if (!file) throw FileError("write", named, errno);
  write_all(file.number(), bytes, named);
  if (::fsync(file.number()) != 0 && errno != EINVAL && errno != EROFS)
    throw FileError("synchronise", named, errno);
  close_checked(file, named);
}

/// A new file that goes away unless it took its place.
class FreshFile {
 public:
  explicit FreshFile(const fs::path& folder)
      : path_(folder / unfinished_name()),
        file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)),
        error_(file_ ? 0 : errno) {}
  ~FreshFile() {
    if (error_ == 0) ::unlink(path_.c_str());
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;

  int error() const { return error_; }  ///< why there is none

  /// Mode and owner of what stood there; false where it may not have that owner.
  bool take_after(const struct stat& old) {
    if (::fchown(file_.number(), old.st_uid, old.st_gid) != 0) return false;
    return ::fchmod(file_.number(), old.st_mode & 07777) == 0;
  }

  void fill(std::string_view bytes, const fs::path& named) {
    write_all(file_.number(), bytes, named);
    if (::fsync(file_.number()) != 0) throw FileError("synchronise", named, errno);
    close_checked(file_, named);
  }

  /// False, errno set, where it cannot.
  bool take_place(const fs::path& target) {
    if (::rename(path_.c_str(), target.c_str()) != 0) return false;
    error_ = -1;
    return true;
  }

 private:
  fs::path path_;
  Descriptor file_;
  int error_;
};

/// False, with nothing done, where what stands there must be written over.
bool replace_by_rename(const fs::path& path, const struct stat* old, std::string_view bytes,
                       const fs::path& named) {
  FreshFile fresh(parent_of(path));
  if (fresh.error() != 0) {
    if (old && (fresh.error() == EACCES || fresh.error() == EPERM || fresh.error() == EROFS))
      return false;
    throw FileError("create", named, fresh.error());
  }
  if (old && !fresh.take_after(*old)) return false;
  fresh.fill(bytes, named);
  if (!fresh.take_place(path)) {
    if (old && errno == EBUSY) return false;
    throw FileError("replace", named, errno);
  }
  sync_path(parent_of(path));
  return true;
}

}  // namespace

void replace_file(const fs::path& named, std::string_view bytes) {
  const Destination to = follow(named);
  if (to.descriptor) return write_all(*to.descriptor, bytes, named);
  struct stat old;
  const bool stands = ::lstat(to.path.c_str(), &old) == 0;
  if (!stands && errno != ENOENT) throw FileError("look at", named, errno);
  if (stands && S_ISDIR(old.st_mode)) throw FileError("write", named, EISDIR);
  if (stands && !S_ISREG(old.st_mode)) return write_through(to.path, bytes, named);
  if (!replace_by_rename(to.path, stands ? &old : nullptr, bytes, named))
    write_through(to.path, bytes, named);
}

}  // namespace heed
