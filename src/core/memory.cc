#include "core/memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/system_file.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

/// Of a file with lines as "MemAvailable:  24 kB".
uint64_t bytes_in(const char* path, std::string_view key) {
  auto file = system_file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoull(line.substr(key.size())) * 1024;
  }
  return kNoLimit;
}

uint64_t of_machine() { return bytes_in("/proc/meminfo", "MemAvailable:"); }

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

uint64_t of_limit(__rlimit_resource_t resource, std::string_view used_key) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kNoLimit;
  const uint64_t used = bytes_in("/proc/self/status", used_key);
  if (used == kNoLimit) return kNoLimit;
  return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

std::string mebibytes(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20); }

}  // namespace

uint64_t available_memory() {
  return std::min(
      {of_machine(), of_group(), of_limit(RLIMIT_AS, "VmSize:"), of_limit(RLIMIT_DATA, "VmData:")});
}

void require_memory(uint64_t bytes, uint64_t available, const std::string& what,
                    const char* remedy) {
  if (bytes <= available) return;
  throw Error(Failure::memory, what + " needs at least " + mebibytes(bytes) +
                                   " MiB of memory, and " + mebibytes(available) +
                                   " MiB are available; " + remedy);
}

}  // namespace heed
