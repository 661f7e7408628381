// Names of files of one folder.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace heed {

/// Gives each name once: NAME itself, then NAME-2, NAME-3 and so on, whatever else was taken.
class NamesOnce {
 public:
  std::string take(const std::string& name) {
    auto own = name;
    for (int64_t number = 2; !taken_.insert(own).second; ++number)
      own = name + "-" + std::to_string(number);
    return own;
  }

 private:
  std::set<std::string> taken_;
};

}  // namespace heed
