// One checked call of linear_attend, after the features: what the formula and the kernels start
// from.
#pragma once

#include <torch/types.h>

#include "heed/ops/linear_attention.h"
#include "ops/call.h"

namespace heed::ops {

struct LinearCall {
  at::Tensor q, k, v;    ///< (B, H, Lq, D), (B, G, L, D), (B, G, L, E) in the computation's dtype
  at::Tensor log_decay;  ///< (B, G, L, 1 or D), or undefined
  at::Tensor beta;       ///< (B, G, L), or undefined: then no delta rule
  at::Tensor state;      ///< (B, G, D, E), or undefined
  double scale = 1;
};

struct LinearPlan {
  LinearCall call;
  bool causal = true, normalize = false;
  bool scaled_state = false;  ///< its last column is the logarithm of what its rows are divided by
  at::ScalarType out_type = at::kFloat, state_type = at::kFloat;
  /// The logarithms by which what is computed is too small: (B, H, L, 1) of the output, (B, G, D,
  /// 1) of the state; undefined: 0.
  at::Tensor out_log, state_log;
};

/// Tensors of a call for the operators of this floor, in one dtype: autocast may have made them of
/// several, and must not choose that of the products.
class LinearOperands {
 public:
  at::Tensor q, k, v;
  LinearOperands(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

 private:
  const bool autocast_ = autocasts();
  c10::impl::ExcludeDispatchKeyGuard no_autocast_{c10::autocast_dispatch_keyset};
};

/// Checks every argument, applies the features and where normalized gives v a column of ones;
/// throws UsageError, and ModelError for `how`.
LinearPlan plan_linear(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const LinearAttention& how, const LinearInputs& inputs);

/// What the user gets: out divided by its last column where normalized, in the dtypes of the plan.
LinearResult finished(const LinearPlan& plan, const LinearResult& computed);

/// The readable formula: step after step.
LinearResult linear_by_formula(const LinearCall& call);

/// Every query asks the state of all keys.
LinearResult linear_of_all(const LinearCall& call);

}  // namespace heed::ops
