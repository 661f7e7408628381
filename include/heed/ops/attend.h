// The attention operator on tensors.
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <tuple>

#include "heed/ops/attention.h"

namespace heed {

/// What one call of `attend` brings besides q, k and v. A tensor that is given is used; one that
/// `how` names (masks `lengths` and `dense`, modifier `bias`) and that is not given is an error.
struct AttendInputs {
  std::optional<at::Tensor> lengths;  ///< (B) int64: how many keys of each sequence are real, 0..Lk
  /// Broadcasts to (B, H, Lq, Lk). Boolean: true may be seen. Floating: added to the scores, -inf
  /// hides; no gradient.
  std::optional<at::Tensor> mask;
  std::optional<at::Tensor>
      bias;               ///< broadcasts to (B, H, Lq, Lk); added to the scores, with gradient
  bool training = false;  ///< dropout acts only in training
  std::optional<int64_t> seed;  ///< of dropout; unset: drawn from LibTorch's CPU generator
  /// Position of the first query among the keys for causal and window masks; unset: Lk - Lq, so
  /// that the last query sees the last key (what a key-value cache wants). Equal lengths: 0 either
  /// way.
  std::optional<int64_t> query_offset;
};

/// out[b, h, i] = sum_j w[b, h, i, j] v[b, g(h), j],  w = normalize(masked(scale q . k + bias))
/// (Vaswani et al. 2017).
///
/// q (B, H, Lq, D), k (B, G, Lk, D), v (B, G, Lk, E) -> (B, H, Lq, E); H is a multiple of G and
/// head h reads the keys of g = h / (H / G). `how.heads`, position and merge are the module's
/// affair (nn::MultiHeadAttention): here H and G come from the shapes. float32, float64 (and
/// bfloat16, float16 storage: computed in float32). Any strides. Lengths and batches may be 0. A
/// row that may see nothing gives zero and gets zero gradient. Cost: 4 B H Lq Lk D operations (half
/// when causal), O(Lq + Lk) memory beside the output; gradients for q, k, v, bias. Throws
/// UsageError that names the argument, the expected and the given shape or dtype.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Attention& how, const AttendInputs& inputs = {});

/// The same from the text form. It is also the operator torch.ops.heed.attend, which Python finds
/// after torch.ops.load_library("libheed.so"): attend(q, k, v, how="scaled_dot", *, lengths=None,
/// mask=None, bias=None, training=False, seed=None, query_offset=None). A text is parsed once. What
/// a module would do around the operator (a position, merge=sum, heads that q and k do not have) is
/// refused.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::string& how, const AttendInputs& inputs = {});

/// The same with the number a row that makes weights computable: log-sum-exp of the row's scores
/// (B, H, Lq), -inf for a row that sees nothing; float32 for float32, float64 for float64. No
/// gradient flows through it.
std::tuple<at::Tensor, at::Tensor> attend_with_rows(const at::Tensor& q, const at::Tensor& k,
                                                    const at::Tensor& v, const Attention& how,
                                                    const AttendInputs& inputs = {});

/// The readable formula: stores the weights, any device, differentiable any number of times. Same
/// arguments; with float64 tensors it is the reference of every test. Returns the output and, where
/// `weights` is not null, the weights (B, H, Lq, Lk) before dropout.
at::Tensor attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Attention& how, const AttendInputs& inputs = {},
                            at::Tensor* weights = nullptr);

}  // namespace heed
