#include "twice.h"

#include <set>

#include "heed/core/error.h"

namespace heed::cli {

void refuse_twice(const char* flag, const std::vector<std::string>& values) {
  std::set<std::string> seen;
  for (const auto& value : values) {
    const auto key = value.substr(0, value.find('='));
    if (!seen.insert(key).second)
      throw UsageError(std::string(flag) + " " + value + ": '" + key +
                       "' is given twice; leave one out");
  }
}

}  // namespace heed::cli
