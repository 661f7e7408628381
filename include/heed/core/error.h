// What every public function of Heed throws.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace heed {

/// Why something failed; the value is the exit code of the program.
enum class Failure {
  usage = 2,     ///< a wrong flag, argument or call
  data = 3,      ///< a record, image or label that is wrong
  model = 4,     ///< a recipe or model that is wrong, or does not fit its tensors
  file = 5,      ///< a file or disk that cannot be read or written
  memory = 6,    ///< not enough memory
  diverged = 7,  ///< a NaN or infinite loss
  peer = 8,      ///< another process of the same training was lost
};

/// An error whose message says the operation, the argument, what was expected and what was given,
/// and the fix.
class Error : public std::runtime_error {
 public:
  Error(Failure why, const std::string& message) : std::runtime_error(message), why_(why) {}

  Failure why() const noexcept { return why_; }
  int exit_code() const noexcept { return static_cast<int>(why_); }

 private:
  Failure why_;
};

struct UsageError : Error {
  explicit UsageError(const std::string& message) : Error(Failure::usage, message) {}
};
struct DataError : Error {
  explicit DataError(const std::string& message) : Error(Failure::data, message) {}
};
struct ModelError : Error {
  explicit ModelError(const std::string& message) : Error(Failure::model, message) {}
};
/// Carries the operating system's reason (errno at the time of the call) where there is one.
struct FileError : Error {
  explicit FileError(const std::string& message) : Error(Failure::file, message) {}
  FileError(const std::string& operation, const std::filesystem::path& path, int error_number);
};
struct DivergedError : Error {
  explicit DivergedError(const std::string& message) : Error(Failure::diverged, message) {}
};
struct LostPeerError : Error {
  explicit LostPeerError(const std::string& message) : Error(Failure::peer, message) {}
};

}  // namespace heed
