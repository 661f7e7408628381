// The pool is libgomp's, which Debian's LibTorch and the OpenMP build of OpenBLAS use too.
#include <omp.h>

#include <atomic>

#include "core/threads.h"
#include "heed/core/threads.h"

namespace heed {
namespace {

std::atomic<int>& threads() {
  static std::atomic<int> count = detail::default_threads();
  return count;
}

}  // namespace

int num_threads() noexcept { return threads(); }

void set_num_threads(int count) {
  threads() = count < 1 ? 1 : count;
  omp_set_num_threads(threads());
  detail::tell_follower(threads());
}

namespace detail {

void parallel_for(int64_t tasks, void (*call)(void*, int64_t), void* body) {
  if (tasks <= 1 || num_threads() == 1 || omp_in_parallel()) {
    for (int64_t task = 0; task < tasks; ++task) call(body, task);
    return;
  }
  FirstFailure failure;
#pragma omp parallel for schedule(dynamic, 1) num_threads(num_threads())
  for (int64_t task = 0; task < tasks; ++task) {
    try {
      call(body, task);
    } catch (...) {
      failure.catch_current(task);
    }
  }
  failure.rethrow();
}

}  // namespace detail
}  // namespace heed
