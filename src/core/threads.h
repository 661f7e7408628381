// What the two thread back ends (threads_openmp.cc, threads_std.cc) share.
#pragma once

#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>

namespace heed::detail {

/// The number of threads that the environment or the machine asks for.
int default_threads() noexcept;

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
