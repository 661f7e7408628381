// One pool of threads for the whole process: Heed's kernels, LibTorch's operators and OpenBLAS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace heed {

/// The most threads that make sense here: eight for each core that this process may run on, at most
/// 1024. Far more spin for hours on what one does in seconds.
int most_threads() noexcept;

/// A number of threads, 1 to most_threads(). Throws UsageError that begins with `source`, which
/// named it.
int threads_from_text(std::string_view text, const std::string& source);

/// What HEED_NUM_THREADS says, else OMP_NUM_THREADS (of several, "4,2", the first), where it is not
/// empty and not the 1 that torchrun sets by itself. Throws UsageError, as above.
std::optional<int> threads_of_environment();

/// How many threads parallel_for uses. At first: what threads_of_environment() says, else the cores
/// that this process may run on, shared among the processes that a launcher started here. Where that throws it is the cores, too, and what was wrong is said
/// once on standard error. A program calls
/// set_num_threads(num_threads()) once when it starts, so that LibTorch and OpenBLAS use as many.
int num_threads() noexcept;

/// Sets the number (at least 1) for Heed, LibTorch and OpenBLAS. What was found on Debian 12, where
/// all three share libgomp's pool:
///
///   - LibTorch starts with one thread of its own, while OpenBLAS would use every core.
///   - OpenMP's number belongs to the calling thread, and LibTorch sets it again when a thread runs
///     its first parallel operator: to what at::set_num_threads was told, else to one. So
///     omp_set_num_threads alone, called early, is undone by the first operator. This function
///     tells LibTorch too (ops joins it to core), which holds for threads started later.
///   - A thread that has run an operator before keeps its number: call this before threads are
///     started.
void set_num_threads(int threads);

namespace detail {
void parallel_for(int64_t tasks, void (*call)(void* body, int64_t task), void* body);
}

/// Calls body(0) .. body(tasks - 1), each once, on up to num_threads() threads, and returns when
/// all are done. Threads take the next free task, so which thread runs a task is not fixed: a
/// result that must not depend on the number of threads may depend on the task only. Inside another
/// parallel_for it runs the tasks one after another. If tasks throw, the exception of the lowest
/// task is rethrown.
template <class Body>
void parallel_for(int64_t tasks, Body&& body) {
  detail::parallel_for(
      tasks, [](void* p, int64_t task) { (*static_cast<std::remove_reference_t<Body>*>(p))(task); },
      const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace heed
