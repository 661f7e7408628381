#include "core/unique_name.h"

#include <time.h>
#include <unistd.h>

#include <atomic>

namespace heed {
namespace {

constexpr std::string_view kUnfinished = ".heed-partial-";

}  // namespace

std::string unique_id() {
  static std::atomic<unsigned> count = 0;
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::to_string(::getpid()) + "_" + std::to_string(now.tv_sec) + "_" +
         std::to_string(now.tv_nsec) + "_" + std::to_string(count++);
}

bool is_unique_id(std::string_view id) noexcept {
  int numbers = 1, digits = 0;
  for (const char c : id) {
    if (c == '_' && digits > 0)
      ++numbers, digits = 0;
    else if (c >= '0' && c <= '9')
      ++digits;
    else
      return false;
  }
  return numbers == 4 && digits > 0;
}

std::string unfinished_name() { return std::string(kUnfinished) + unique_id(); }

bool is_unfinished_name(std::string_view name) noexcept {
  return name.starts_with(kUnfinished) && is_unique_id(name.substr(kUnfinished.size()));
}

}  // namespace heed
