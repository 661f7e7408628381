#include "core/threads.h"

#include <sched.h>

#include <atomic>
#include <cstdlib>

namespace heed::detail {
namespace {
std::atomic<void (*)(int)> follower = nullptr;
}

void follow_num_threads(void (*set)(int)) noexcept { follower = set; }

void tell_follower(int threads) {
  if (const auto set = follower.load()) set(threads);
}

int default_threads() noexcept {
  for (const char* name : {"HEED_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    const int threads = text ? std::atoi(text) : 0;
    if (threads > 0) return threads;
  }
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  return CPU_COUNT(&cores) > 0 ? CPU_COUNT(&cores) : 1;
}

}  // namespace heed::detail
