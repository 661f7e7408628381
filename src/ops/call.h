// One checked call of attend: what the reference, the kernels and LibTorch's own attention start
// from.
#pragma once

#include <torch/types.h>

#include "heed/ops/attend.h"
#include "ops/word.h"

namespace heed::ops {

struct Call {
  at::Tensor q, k, v;
  Attention how;
  std::vector<Part> modifiers, masks;  ///< of `how`, and those that a given tensor implies
  Scene scene;                         ///< tensors as given, checked but not expanded
  double dropout = 0;                  ///< 0 outside training
  uint64_t seed = 0;
  at::ScalarType compute = at::kFloat;  ///< float32 for 16-bit storage, else the storage's own
};

/// Checks every argument and draws the dropout seed where it is needed; throws UsageError.
Call checked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Attention& how,
             const AttendInputs& inputs);

/// The scene with mask and bias in the dtype of the computation and expanded to (B, H, Lq, Lk).
Scene expanded(const Call& call);

/// scores (B, H, r, c) of a block, its modifiers and masks applied. `q` and `k` are its rows and
/// columns in the dtype of the computation, k with all heads; `scene` is its part of the scene.
at::Tensor block_scores(const Call& call, const Scene& scene, const at::Tensor& q,
                        const at::Tensor& k);

/// k or v (B, G, L, D) -> (B, H, L, D): each key-value head for its group of query heads.
at::Tensor for_each_head(const at::Tensor& kv, int64_t heads);

struct Attended {
  at::Tensor out;      ///< (B, H, Lq, E) in the dtype of q
  at::Tensor rows;     ///< (B, H, Lq) in the dtype of the computation; undefined unless wanted
  at::Tensor weights;  ///< (B, H, Lq, Lk) before dropout
};

/// The readable formula.
Attended by_formula(const Call& call, bool want_rows);

}  // namespace heed::ops
