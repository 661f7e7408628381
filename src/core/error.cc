#include "heed/core/error.h"

#include <cerrno>
#include <system_error>

#include "core/printable.h"

namespace heed {

FileError::FileError(const std::string& operation, const std::filesystem::path& path,
                     int error_number)
    : Error(error_number == ENOMEM ? Failure::memory : Failure::file,
            "cannot " + operation + " " + printable(path.string()) + ": " +
                std::generic_category().message(error_number)) {}

}  // namespace heed
