// The features of linear attention as their logarithms, which neither vanish nor overflow.
#pragma once

#include <torch/types.h>

#include "heed/ops/linear_attention.h"
#include "ops/linear_call.h"

namespace heed::ops {

/// log phi(x) (B, H, L, D or M) of elu or favor. With `of_rows` without what all features of a row
/// have in common, where rows are normalized anyway.
at::Tensor linear_logarithms(const at::Tensor& x, const LinearAttention& how, bool of_rows);

/// phi(x) of elu, and exp(x): with the same bits for any number of threads.
at::Tensor elu_features(const at::Tensor& x);
at::Tensor same_exp(const at::Tensor& x);

/// What stands for q and k in plan.call under `how`, a feature that is not none: q, k and state are
/// the user's; v has its column of ones. Changes the call so that no feature vanishes, and notes in
/// the plan what finished() takes back.
void take_features(LinearPlan& plan, const LinearAttention& how);

}  // namespace heed::ops
