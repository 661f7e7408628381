#include "kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/targets.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace heed::kernels::HWY_NAMESPACE {

int64_t this_target() { return HWY_TARGET; }

}  // namespace heed::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace heed::kernels {

HWY_EXPORT(this_target);

int64_t active_target() noexcept { return HWY_DYNAMIC_DISPATCH(this_target)(); }
const char* active_target_name() noexcept { return hwy::TargetName(active_target()); }

}  // namespace heed::kernels
#endif
