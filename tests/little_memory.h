// A process with little memory, as on a small machine.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>

namespace heed::test {

/// Not where the address sanitizer's own memory counts, too.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kMemoryCanBeLimited = false;
#else
constexpr bool kMemoryCanBeLimited = true;
#endif

/// While it lives, the process may take that many MiB more than it has.
class LittleMemory {
 public:
  explicit LittleMemory(uint64_t more) {
    if (getrlimit(RLIMIT_DATA, &before_) != 0) throw std::runtime_error("no limit can be read");
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);)
      if (line.starts_with("VmData:"))
        set({(std::stoull(line.substr(7)) << 10) + (more << 20), before_.rlim_max});
  }
  ~LittleMemory() { setrlimit(RLIMIT_DATA, &before_); }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;

 private:
  static void set(const rlimit& limit) {
    if (setrlimit(RLIMIT_DATA, &limit) != 0) throw std::runtime_error("no limit can be set");
  }
  rlimit before_{};
};

}  // namespace heed::test
