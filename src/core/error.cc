#include "heed/core/error.h"

#include <system_error>

namespace heed {

FileError::FileError(const std::string& operation, const std::filesystem::path& path,
                     int error_number)
    : Error(Failure::file, "cannot " + operation + " " + path.string() + ": " +
                               std::generic_category().message(error_number)) {}

}  // namespace heed
