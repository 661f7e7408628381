// Values of a flag that may stand several times.
#pragma once

#include <string>
#include <vector>

namespace heed::cli {

/// Throws UsageError for a value that a flag is given twice, of which one would be ignored or count
/// double. Of KEY=VALUE only the key is looked at.
void refuse_twice(const char* flag, const std::vector<std::string>& values);

}  // namespace heed::cli
