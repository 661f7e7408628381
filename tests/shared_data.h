// Where the tests look for real data that is not part of the project.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace heed::test {

/// The folder `shared/data` beside the checkout, or HEED_SHARED_DATA. It may be absent: a test that
/// needs it checks first and says so.
inline std::filesystem::path shared_data() {
  const char* given = std::getenv("HEED_SHARED_DATA");
  return given ? std::filesystem::path(given)
               : std::filesystem::path(HEED_SOURCE_DIR) / ".." / "shared" / "data";
}

}  // namespace heed::test
