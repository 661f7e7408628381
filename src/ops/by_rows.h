// What words do to rows of q, k or a table before the kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace heed::ops {

/// Of some of the batch and of the rows: x (b, h, r, D), parameters as given -> (b, h', r, D').
using RowWork = std::function<at::Tensor(const at::Tensor& x, const std::vector<at::Tensor>&)>;

/// work(x, parameters) of x (B, h, L, D) on the CPU, differentiable once, a piece after another in
/// tasks (product.h), so that a row's bits depend neither on the threads nor on other rows as long
/// as the work's do not depend on how many there are. `numbers`: about how many the work makes a
/// row; what the parameters get is added in float64.
at::Tensor by_rows(const at::Tensor& x, const std::vector<at::Tensor>& parameters, int64_t numbers,
                   const RowWork& work);

/// work(x) of the rows of x (..., D) that are finite. One that is not, which a mask may hide or
/// which sees nothing, keeps to itself: NaN, and no gradient.
at::Tensor of_finite_rows(const at::Tensor& x,
                          const std::function<at::Tensor(const at::Tensor&)>& work);

/// x (h, ...) -> (B, h, ...) without a copy; the sum of its gradient over the batch has the same
/// bits for any number of threads.
at::Tensor for_each_batch(const at::Tensor& x, int64_t B);

}  // namespace heed::ops
