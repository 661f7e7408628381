#include "core/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

uint64_t of_machine() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(13)) * 1024;
  }
  return kNoLimit;
}

/// A file of one number; "max" and an absent file are no limit.
uint64_t number_in(const char* path) {
  std::ifstream file(path);
  uint64_t number = 0;
  return file >> number ? number : kNoLimit;
}

/// Control groups, version 2, as a container sees its own.
uint64_t of_group() {
  const uint64_t most = number_in("/sys/fs/cgroup/memory.max");
  const uint64_t used = number_in("/sys/fs/cgroup/memory.current");
  if (most == kNoLimit || used == kNoLimit) return kNoLimit;
  return most > used ? most - used : 0;
}

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20); }

}  // namespace

uint64_t available_memory() { return std::min(of_machine(), of_group()); }

void require_memory(uint64_t bytes, uint64_t available, const std::string& what,
                    const char* remedy) {
  if (bytes <= available) return;
  throw Error(Failure::memory, what + " needs at least " + mebibytes(bytes) +
                                   " MiB of memory, and " + mebibytes(available) +
                                   " MiB are available; " + remedy);
}

}  // namespace heed
