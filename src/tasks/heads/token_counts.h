// How often training had each token, as a file of the model folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heed/tasks/input.h"

namespace heed {

using TokenTally = std::vector<int64_t>;

std::string token_counts_file(const TokenTally& counts);  ///< JSON
/// Throws ModelError where there is no such file or a damaged one.
TokenTally token_counts_of(const Files& files, const std::string& name);

}  // namespace heed
