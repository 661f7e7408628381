// Which SIMD target the kernels run on.
#pragma once

#include <cstdint>

namespace heed::kernels {

/// The Highway target (HWY_AVX2, ...) that a call would run on now, told by the code that it would
/// run.
int64_t active_target() noexcept;

/// Its name, as in "AVX2".
const char* active_target_name() noexcept;

}  // namespace heed::kernels
