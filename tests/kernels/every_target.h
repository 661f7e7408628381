// The same on every SIMD target of this machine.
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include "kernels/targets.h"

namespace heed::kernels::test {

/// f, on every SIMD target of this machine. The number of them.
template <class F>
int on_every_target(const F& f) {
  const int64_t supported = hwy::SupportedTargets() & HWY_TARGETS;
  int count = 0;
  for (int64_t left = supported; left != 0; left &= left - 1, ++count) {
    const int64_t target = left & -left;
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    EXPECT_EQ(active_target(), target) << "active is " << hwy::TargetName(active_target());
    f();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return count;
}

}  // namespace heed::kernels::test
