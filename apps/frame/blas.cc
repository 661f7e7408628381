#include "blas.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include <cstdio>

#include "kernels/targets.h"

namespace heed::cli {

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
