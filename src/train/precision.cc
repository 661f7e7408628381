#include "train/precision.h"

#include "ops/torch_version.h"

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace heed {
namespace {

/// Autocast, whose dtype on the CPU is bfloat16, while one lives.
class Bfloat16 {
 public:
  Bfloat16() : before_(ops::cpu_autocast()) {
    ops::set_cpu_autocast(true);
    at::autocast::increment_nesting();
  }
  ~Bfloat16() {
    // The rounded weights are those of before the next step.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    ops::set_cpu_autocast(before_);
  }
  Bfloat16(const Bfloat16&) = delete;
  Bfloat16& operator=(const Bfloat16&) = delete;

 private:
  bool before_;
};

}  // namespace

BatchLoss next_in_precision(Task& task, Precision precision) {
  if (precision != Precision::bfloat16) return task.next();
  const Bfloat16 lower;
  return task.next();
}

bool multiplies_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") > 0;
#elif defined(__aarch64__)
  return (getauxval(AT_HWCAP2) & (1UL << 14)) != 0;  // HWCAP2_BF16
#else
  return false;
#endif
}

}  // namespace heed
