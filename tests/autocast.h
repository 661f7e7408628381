// LibTorch's autocast to bfloat16 on the CPU, as a model's training step turns it on.
#pragma once

#include "ops/torch_version.h"

namespace heed::test {

/// On while one lives.
class Autocast {
 public:
  Autocast() {
    ops::set_cpu_autocast(true);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    ops::set_cpu_autocast(false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
};

}  // namespace heed::test
