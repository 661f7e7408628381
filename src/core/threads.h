// What the two thread back ends (threads_openmp.cc, threads_std.cc) share.
#pragma once

#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>

namespace heed::detail {

/// The number of threads that the environment or the machine asks for.
int default_threads() noexcept;

/// How a floor above joins a pool that core does not know (LibTorch's): `set` is called with the
/// number at every set_num_threads. One follower; the last one that asks.
void follow_num_threads(void (*set)(int)) noexcept;
void tell_follower(int threads);

/// How many threads OpenMP gives what this thread runs, which LibTorch and OpenBLAS go by; in a
/// build without OpenMP one, and nothing is set.
int openmp_threads() noexcept;
void set_openmp_threads(int threads) noexcept;

/// Keeps the exception of the lowest task.
class FirstFailure {
 public:
  void catch_current(int64_t task) noexcept {
    std::lock_guard lock(mutex_);
    if (task < task_) task_ = task, exception_ = std::current_exception();
  }
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::mutex mutex_;
  int64_t task_ = std::numeric_limits<int64_t>::max();
  std::exception_ptr exception_;
};

}  // namespace heed::detail
