// The pool is libgomp's, which Debian's LibTorch and the OpenMP build of OpenBLAS use too.
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "core/threads.h"
#include "heed/core/threads.h"

namespace heed {
namespace {

std::atomic<int>& threads() {
  static std::atomic<int> count = detail::default_threads();
  return count;
}

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// To wake a thread and to wait for its end costs about this; on a busy machine far more.
constexpr double kWorthWaking = 30;  // us

/// What a task took last, for each place in the code that has tasks; 0: not known. Which thread runs a task changes
/// no result, so neither do places that share an entry.
std::atomic<float>& us_of_task(void (*call)(void*, int64_t)) {
  static std::array<std::atomic<float>, 1024> known{};
  return known[(reinterpret_cast<uintptr_t>(call) >> 4) % known.size()];
}

void remember(std::atomic<float>& us, double found) {
  us.store(static_cast<float>(std::max(found, 1e-3)), std::memory_order_relaxed);
}

thread_local bool alone = false;  ///< runs tasks that others could run, too

struct Alone {
  Alone() { alone = true; }
  ~Alone() { alone = false; }
};

struct Tasks {
  int64_t count;
  void (*call)(void*, int64_t);
  void* body;
  detail::FirstFailure failure = {};

  void run(int64_t task) {
    try {
      call(body, task);
    } catch (...) {
      failure.catch_current(task);
    }
  }
};

/// Runs tasks until there are none or it turns out that they are worth other threads; says which is
/// next.
int64_t begin_alone(Tasks& tasks, std::atomic<float>& us) {
  const Alone here;
  const auto start = Clock::now();
  double passed = 0;
  int64_t task = 0;
  while (task < tasks.count && passed < kWorthWaking) {
    tasks.run(task++);
    passed = us_since(start);
  }
  remember(us, passed / static_cast<double>(task));
  return task;
}

void run_together(Tasks& tasks, int64_t first, std::atomic<float>& us) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(num_threads())
  for (int64_t task = first; task < tasks.count; ++task) {
    const auto start = Clock::now();
    tasks.run(task);
    if (task == first) remember(us, us_since(start));
  }
}

}  // namespace

int num_threads() noexcept { return threads(); }

void set_num_threads(int count) {
  threads() = count < 1 ? 1 : count;
  omp_set_num_threads(threads());
  detail::tell_follower(threads());
}

namespace detail {

int openmp_threads() noexcept { return omp_get_max_threads(); }
void set_openmp_threads(int threads) noexcept { omp_set_num_threads(threads); }

void parallel_for(int64_t tasks, void (*call)(void*, int64_t), void* body) {
  if (tasks <= 1 || num_threads() == 1 || omp_in_parallel() || alone) {
    for (int64_t task = 0; task < tasks; ++task) call(body, task);
    return;
  }
  Tasks all{tasks, call, body};
  auto& us = us_of_task(call);
  const double expected = us.load(std::memory_order_relaxed) * static_cast<double>(tasks);
  const bool is_short = expected > 0 && expected < kWorthWaking;
  const int64_t first = is_short ? begin_alone(all, us) : 0;
  if (first < tasks) run_together(all, first, us);
  all.failure.rethrow();
}

}  // namespace detail
}  // namespace heed
