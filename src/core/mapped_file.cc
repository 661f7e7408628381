#include "core/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "core/descriptor.h"

namespace heed {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: a named pipe is refused below, not waited for.
  const Descriptor file(path_, O_RDONLY | O_NONBLOCK);
  if (!file) throw FileError("open", path_, errno);
  struct stat status;
  if (::fstat(file.number(), &status) != 0) throw FileError("look at", path_, errno);
  if (!S_ISREG(status.st_mode))
    throw FileError("cannot read " + path_.string() + ": it is not a regular file");
  size_ = static_cast<uint64_t>(status.st_size);
  if (size_ == 0) return;  // which mmap refuses
  void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (at == MAP_FAILED) throw FileError("map", path_, errno);
  data_ = static_cast<const char*>(at);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

}  // namespace heed
