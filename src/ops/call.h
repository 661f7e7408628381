// One checked call of attend: what the formula, the kernels and LibTorch's own attention start
// from.
#pragma once

#include <torch/types.h>

#include "heed/ops/attend.h"
#include "ops/op_definition.h"

namespace heed::ops {

struct Call {
  at::Tensor q, k, v;
  Attention how;        ///< with the masks and modifiers that a given tensor implies
  CallContext context;  ///< tensors as given (lengths contiguous), checked but not expanded
  double dropout = 0;   ///< 0 outside training
  at::ScalarType compute = at::kFloat;  ///< float32 for 16-bit storage, else the storage's own
};

/// Checks every argument and draws the dropout seed where it is needed; throws UsageError.
Call checked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Attention& how,
             const AttendInputs& inputs);

/// The same of a call of the operator, which refuses what it would ignore: what a module does
/// around it (a position of q and k, gates, merges), heads that q and k do not have, dropout of
/// which nobody says whether it acts.
Call checked_operator(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const Attention& how, const AttendInputs& inputs);

/// What of an attention the operator computes, for the module that does the rest.
Attention operator_part(Attention how);

/// The tensors of a call that may want gradients: q, k, v, the bias where there is one, and the
/// parameters in the order of their names.
std::vector<at::Tensor*> differentiable(Call& call);
std::vector<at::Tensor> differentiable(const Call& call);

/// The context with mask and bias in the dtype of the computation and expanded to (B, H, Lq, Lk).
CallContext expanded(const Call& call);

/// Whether LibTorch's operators of this thread choose the precision of their operands themselves.
bool autocasts();

/// x; under autocast, which may have made it of lower precision, in the dtype of `other` if
/// defined.
at::Tensor in_dtype_of(const at::Tensor& other, const at::Tensor& x);

/// 64 bits of LibTorch's CPU generator.
uint64_t draw_seed();

struct Interval {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
  bool operator==(const Interval&) const = default;
};

/// The part of an expanded context that belongs to these rows and columns, of all heads and batches
/// or of one.
CallContext cut(CallContext context, Interval rows, Interval columns);
CallContext cut_to_heads(CallContext context, int64_t batch, Interval heads);

/// The scores of a block after positions, modifiers and masks: q (b, h, r, D), k (b, h, c, D) ->
/// (b, h, r, c).
at::Tensor scores_of(const Attention& how, const CallContext& context, const at::Tensor& q,
                     const at::Tensor& k);

/// What modifiers make of the weights of all heads; most leave them.
at::Tensor mixed_weights(const Attention& how, const CallContext& context, at::Tensor weights);
bool mixes_heads(const Attention& how);

/// What the modifiers and masks of `how` make of a block of scores (b, h, r, c).
at::Tensor changed(const Attention& how, const CallContext& context, at::Tensor scores);

struct Attended {
  at::Tensor out;        ///< (B, H, Lq, E) in the dtype of q
  at::Tensor row_stats;  ///< (2, B, H, Lq) in the dtype of the computation: see attend.h
  at::Tensor logsumexp;  ///< (B, H, Lq) of the same; where it was asked for
  at::Tensor weights;    ///< (B, H, Lq, Lk) before dropout; the formula alone has them
};

/// The readable formula, on any device; row_stats and logsumexp only where wanted.
Attended by_formula(const Call& call, bool want_row_stats);

/// The formula on a block of an expanded context alone, q and k, v (b, h, ., .) in the dtype of the
/// computation. Keys beyond the context's last are hidden.
Attended formula_rows(const Call& call, const CallContext& context, const at::Tensor& q,
                      const at::Tensor& k, const at::Tensor& v, bool want_row_stats);

/// The same where q, k or v may hold NaN or infinity: behind a mask they change no bit.
Attended formula_visible(const Call& call, const CallContext& context, const at::Tensor& q,
                         const at::Tensor& k, const at::Tensor& v, bool want_row_stats);
bool are_finite(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

}  // namespace heed::ops
