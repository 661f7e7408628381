#include "torch.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <cstdio>
#include <stdexcept>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "kernels/targets.h"

namespace heed::cli {

void with_torch(const std::function<void()>& verb) {
  set_num_threads(threads_of_environment().value_or(num_threads()));
  try {
    verb();
  } catch (const c10::Error& error) {  // says that memory ran out in words only
    const std::string message = error.what_without_backtrace();
    for (const char* words : {"can't allocate memory", "not enough memory", "out of memory",
                              "Storage size calculation overflowed"}) {
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
