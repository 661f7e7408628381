// One checked call of attend: what the formula, the kernels and LibTorch's own attention start
// from.
#pragma once

#include <torch/types.h>

#include "heed/ops/attend.h"
#include "ops/word.h"

namespace heed::ops {

struct Call {
  at::Tensor q, k, v;
  Attention how;       ///< with the masks and modifiers that a given tensor implies
  Scene scene;         ///< tensors as given (lengths contiguous), checked but not expanded
  double dropout = 0;  ///< 0 outside training
  uint64_t seed = 0;
  at::ScalarType compute = at::kFloat;  ///< float32 for 16-bit storage, else the storage's own
};

/// Checks every argument and draws the dropout seed where it is needed; throws UsageError.
Call checked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Attention& how,
             const AttendInputs& inputs);

/// The scene with mask and bias in the dtype of the computation and expanded to (B, H, Lq, Lk).
Scene expanded(const Call& call);

/// k or v (B, G, L, D) -> (B, H, L, D): each key-value head for its group of query heads.
at::Tensor for_each_head(const at::Tensor& kv, int64_t heads);

/// What the modifiers and masks of `how` make of a block of scores (b, h, r, c).
at::Tensor changed(const Attention& how, const Scene& scene, at::Tensor scores);

struct Attended {
  at::Tensor out;      ///< (B, H, Lq, E) in the dtype of q
  at::Tensor rows;     ///< (B, H, Lq) in the dtype of the computation
  at::Tensor weights;  ///< (B, H, Lq, Lk) before dropout; the formula alone has them
};

/// The readable formula, on any device; rows only where wanted.
Attended by_formula(const Call& call, bool want_rows);

}  // namespace heed::ops
