// What every metric of this folder gives to whoever shows or logs it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace heed {

/// Metrics by name, in the order in which they are shown.
using Metrics = std::vector<std::pair<std::string, double>>;

}  // namespace heed
