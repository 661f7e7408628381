#pragma once

#include <string>

namespace heed::cli {

/// The words of this process' call as a shell reads them, `flag` behind the verb unless it is there.
std::string called_again_with(const std::string& verb, const std::string& flag);

}  // namespace heed::cli
