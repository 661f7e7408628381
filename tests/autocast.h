// LibTorch's autocast to bfloat16 on the CPU, as a model's training step turns it on.
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace heed::test {

/// On while one lives.
class Autocast {
 public:
  Autocast() {
    set(true);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    set(false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  static void set(bool on) {
#if TORCH_VERSION_MAJOR >= 2
    at::autocast::set_autocast_enabled(at::kCPU, on);
#else
    at::autocast::set_cpu_enabled(on);
#endif
  }
};

}  // namespace heed::test
