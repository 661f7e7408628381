#include "train/precision.h"

#include <torch/version.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace heed {
namespace {

#if TORCH_VERSION_MAJOR >= 2
bool cpu_autocast() { return at::autocast::is_autocast_enabled(at::kCPU); }
void set_cpu_autocast(bool on) { at::autocast::set_autocast_enabled(at::kCPU, on); }
#else
bool cpu_autocast() { return at::autocast::is_cpu_enabled(); }
void set_cpu_autocast(bool on) { at::autocast::set_cpu_enabled(on); }
#endif

}  // namespace

LowerPrecision::LowerPrecision(bool on) : on_(on), before_(cpu_autocast()) {
  if (!on_) return;
  set_cpu_autocast(true);  // whose dtype is bfloat16
  at::autocast::increment_nesting();
}

LowerPrecision::~LowerPrecision() {
  if (!on_) return;
  // The rounded weights are those of before the next step.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  set_cpu_autocast(before_);
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
