// The page of `heed look`, as the build made it from web/.
#pragma once

#include <string_view>
#include <vector>

namespace heed::cli {

struct PageFile {
  const char* path;  ///< "/app.js"
  const char* content_type;
  std::string_view bytes;
};

/// The files of the page; none where it could not be built.
std::vector<PageFile> page_files();

/// Why there is no page; empty: there is.
const char* page_missing();

}  // namespace heed::cli
