// A call through LibTorch's own fused attention, for devices that the tile kernels do not run on.
#pragma once

#include "ops/call.h"

namespace heed::ops {

/// Whether LibTorch has the operator (2.x) and can express the call. Dropout it cannot: Heed's
/// choice of the weights to drop depends on the seed alone, on every device.
bool libtorch_can(const Call& call);

/// Differentiable once. Only where libtorch_can().
at::Tensor by_libtorch(const Call& call);

}  // namespace heed::ops
