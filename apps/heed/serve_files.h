// A file that came in a request, as long as it is asked about.
#pragma once

#include <string>

namespace heed::cli {

class UploadedFile {
 public:
  /// In a folder of its own, by its own name, of which letters, digits, dots and dashes are kept. Throws FileError.
  UploadedFile(const std::string& name, const std::string& bytes);
  ~UploadedFile();
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string folder_, path_;
};

}  // namespace heed::cli
