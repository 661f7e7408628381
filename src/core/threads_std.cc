// Threads made for each call: slower to start, but the thread sanitizer understands them, and no
// OpenMP is needed.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/threads.h"
#include "heed/core/threads.h"

namespace heed {
namespace {

std::atomic<int>& threads() {
  static std::atomic<int> count = detail::default_threads();
  return count;
}

thread_local bool inside = false;

}  // namespace

int num_threads() noexcept { return threads(); }
void set_num_threads(int count) {
  threads() = std::max(1, count);
  detail::tell_follower(threads());
}

namespace detail {

int openmp_threads() noexcept { return 1; }
void set_openmp_threads(int) noexcept {}

void parallel_for(int64_t tasks, void (*call)(void*, int64_t), void* body) {
  const int64_t workers = std::min<int64_t>(tasks, num_threads());
  if (workers <= 1 || inside) {
    for (int64_t task = 0; task < tasks; ++task) call(body, task);
    return;
  }
  FirstFailure failure;
  std::atomic<int64_t> next = 0;
  const auto work = [&] {
    inside = true;
    for (int64_t task; (task = next++) < tasks;) {
      try {
        call(body, task);
      } catch (...) {
        failure.catch_current(task);
      }
    }
    inside = false;
  };
  std::vector<std::jthread> others;
  for (int64_t i = 1; i < workers; ++i) others.emplace_back(work);
  work();
  others.clear();
  failure.rethrow();
}

}  // namespace detail
}  // namespace heed
