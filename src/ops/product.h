// Products of matrices and work by pieces whose bits depend on nothing but the row.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <optional>

#include "heed/core/threads.h"

namespace heed::ops {

/// While one lives, product() of this thread's CPU tensors is Heed's own.
class OwnProducts {
 public:
  OwnProducts() noexcept;
  ~OwnProducts();
  OwnProducts(const OwnProducts&) = delete;
  OwnProducts& operator=(const OwnProducts&) = delete;

 private:
  bool before_;
};

/// a (..., m, d) b (..., d, n) -> (..., m, n), batches broadcast, differentiable any number of
/// times. LibTorch's matmul, whose BLAS sums in another order for every shape; with OwnProducts an
/// element is one sum over d in pieces of 64 in order, whatever m, n, the batch and its place are,
/// and pieces of zeros before or behind change no bit.
at::Tensor product(const at::Tensor& a, const at::Tensor& b);

/// Calls body(task) for tasks that are cut by shape. In each, LibTorch's operators use one thread,
/// because their bits and their BLAS's are others for each number of threads, compute in the dtype
/// they are given (no autocast) and record nothing, and products are Heed's own.
template <class Body>
void in_tasks(int64_t tasks, const Body& body) {
  // A task alone would run outside of the parallel region that makes LibTorch use one thread.
  const bool inference = c10::InferenceMode::is_enabled();
  parallel_for(std::max<int64_t>(2, tasks), [&](int64_t task) {
    if (task >= tasks) return;
    std::optional<c10::InferenceMode> as_the_caller;  // whose tensors are of that mode
    if (inference) as_the_caller.emplace(true);
    const at::NoGradGuard no_gradient;
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const OwnProducts own_products;
    body(task);
  });
}

}  // namespace heed::ops
