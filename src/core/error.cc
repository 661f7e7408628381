#include "heed/core/error.h"

#include <system_error>

#include "core/printable.h"

namespace heed {

FileError::FileError(const std::string& operation, const std::filesystem::path& path,
                     int error_number)
    : Error(Failure::file, "cannot " + operation + " " + printable(path.string()) + ": " +
                               std::generic_category().message(error_number)) {}

}  // namespace heed
