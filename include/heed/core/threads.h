// One pool of threads for the whole process: Heed's kernels, LibTorch's operators and OpenBLAS.
#pragma once

#include <cstdint>
#include <type_traits>

namespace heed {

/// How many threads parallel_for, LibTorch and OpenBLAS use. At first: HEED_NUM_THREADS, else OMP_NUM_THREADS, else the
/// cores that this process may run on.
int num_threads() noexcept;

/// Sets the number for all three at once. LibTorch and OpenBLAS (its OpenMP build) share this process's OpenMP pool, so
/// they follow; two pools would fight for the cores. At least 1.
void set_num_threads(int threads);

namespace detail {
void parallel_for(int64_t tasks, void (*call)(void* body, int64_t task), void* body);
}

/// Calls body(0) .. body(tasks - 1), each once, on up to num_threads() threads, and returns when all are done. Threads
/// take the next free task, so which thread runs a task is not fixed: a result that must not depend on the number of
/// threads may depend on the task only. Inside another parallel_for it runs the tasks one after another. If tasks throw,
/// the exception of the lowest task is rethrown.
template <class Body>
void parallel_for(int64_t tasks, Body&& body) {
  detail::parallel_for(
      tasks, [](void* p, int64_t task) { (*static_cast<std::remove_reference_t<Body>*>(p))(task); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace heed
