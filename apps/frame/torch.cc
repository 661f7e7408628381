#include "torch.h"

#include <ATen/Context.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "kernels/targets.h"

namespace heed::cli {
namespace {

/// Threads that wait for each other's start, and end together.
class Waiting {
 public:
  explicit Waiting(size_t most) { threads_.reserve(most); }
  ~Waiting() {
    over_ = true, over_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void add() {
    threads_.emplace_back([this] { over_.wait(false); });
  }

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

/// Where a thread cannot be started, LibTorch waits for it for ever and OpenMP ends the process, so as many as both
/// will start are tried before: LibTorch begins a pool of one for each processor, and then another.
void require_threads(int threads) {
  const long processors = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
  const auto wanted = static_cast<size_t>(processors - 1) + 2 * static_cast<size_t>(threads - 1);
  try {
    Waiting all(wanted);
    for (size_t i = 0; i < wanted; ++i) all.add();
  } catch (const std::system_error& error) {
    throw Error(Failure::memory,
                "cannot start " + std::to_string(wanted) +
                    " threads, which LibTorch and OpenMP need: " + error.code().message() +
                    "; ask for fewer by --threads or raise the limit of processes (ulimit -u)");
  }
}

void start_threads() {
  const int threads = threads_of_environment().value_or(num_threads());
  require_threads(threads);
  try {
    set_num_threads(threads);
  } catch (const c10::Error& error) {
    throw Error(Failure::memory,
                std::string("LibTorch cannot start its threads, is memory short? ") +
                    error.what_without_backtrace());
  }
}

}  // namespace

void with_torch(const std::function<void()>& verb) {
  start_threads();
  try {
    verb();
  } catch (const c10::Error& error) {  // says that memory ran out in words only
    const std::string message = error.what_without_backtrace();
    for (const char* words :
         {"can't allocate memory", "Could not allocate memory", "not enough memory",
          "out of memory", "Storage size calculation overflowed"}) {
      if (message.find(words) != std::string::npos)
        throw Error(Failure::memory, "not enough memory: " + message);
    }
    throw std::runtime_error("LibTorch: " + message);
  }
}

std::string blas() {
  using Describe = const char* (*)();
  const auto describe = reinterpret_cast<Describe>(dlsym(RTLD_DEFAULT, "openblas_get_config"));
  if (describe) return describe();
  return at::hasMKL() ? "MKL" : at::hasLAPACK() ? "a LAPACK other than OpenBLAS and MKL" : "none";
}

void say_blas() {
  std::fprintf(stderr, "SGEMM: %s; kernels: %s\n", blas().c_str(), kernels::active_target_name());
}

}  // namespace heed::cli
