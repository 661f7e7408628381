// The attention operator on tensors.
#pragma once

#include <torch/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "heed/ops/attention.h"

namespace heed {

/// What one call of `attend` brings besides q, k and v. A tensor that is given is used; one that
/// `how` names (masks `key_lengths`, `attn_mask`, `segment_ids` and `block_mask`, modifier `bias`,
/// whatever has parameters) and that is not given is an error.
struct AttendInputs {
  /// (B) int64: how many keys of each sequence are real, 0..Lk.
  std::optional<at::Tensor> key_lengths = {};
  /// Broadcasts to (B, H, Lq, Lk). Boolean: true may be seen. Floating: added to the scores, -inf
  /// hides; no gradient.
  std::optional<at::Tensor> attn_mask = {};
  /// Broadcasts to (B, H, Lq, Lk); added to the scores, with gradient.
  std::optional<at::Tensor> bias = {};
  /// (B, Lk) int64, not falling along a row: the segment (document) that a position belongs to.
  /// Queries are at positions query_offset to query_offset + Lq - 1, which must be among the keys.
  std::optional<at::Tensor> segment_ids = {};
  /// Boolean, broadcasts to (B, H, Lq / size, Lk / size) rounded up, for the mask
  /// `block_mask(size)`: which blocks of queries see which blocks of keys.
  std::optional<at::Tensor> block_mask = {};
  /// What the attention learns beside q, k and v, under the names of parameters_of()
  /// (heed/ops/parameters.h): "relative.table". In the dtype of q or of its computation.
  std::map<std::string, at::Tensor> parameters = {};
  /// Dropout and Gumbel noise act only in training. Who has dropout says whether it is: unset, it
  /// is refused; noise is left out.
  std::optional<bool> training = {};
  std::optional<int64_t> seed = {};  ///< of both; unset: drawn from LibTorch's CPU generator
  /// Position of the first query among the keys for masks and positions; unset: Lk - Lq, so that
  /// the last query sees the last key (what a key-value cache wants). Equal lengths: 0 either way.
  std::optional<int64_t> query_offset = {};
};

/// The common options of a softmax attention, for attend(q, k, v, {.causal = true}).
struct AttendOptions {
  bool causal = false;                 ///< a query sees no key after its own position
  std::optional<int64_t> window = {};  ///< and no key further away than that, on either side
  std::optional<double> scale = {};    ///< of q . k; unset: 1 / sqrt(D)
  std::optional<double> softcap = {};  ///< scores become softcap tanh(score / softcap)
  double dropout_p = 0;  ///< acts whenever it is given: 0 in evaluation, as PyTorch has it
  std::optional<at::Tensor> attn_mask = {}, bias = {}, key_lengths = {};  ///< as in AttendInputs
  std::optional<int64_t> seed = {}, query_offset = {};                    ///< as in AttendInputs

  /// What they mean, in two parts.
  Attention attention() const;
  AttendInputs inputs() const;
};

/// out[b, h, i] = sum_j w[b, h, i, j] v[b, g(h), j],  w = normalize(masked(score(q, k) + bias))
/// (Vaswani et al. 2017); docs/mechanisms.md lists what score, position, modifiers, masks and
/// normalizer may be.
///
/// q (B, H, Lq, D), k (B, G, Lk, D), v (B, G, Lk, E) -> (B, H, Lq, E); H is a multiple of G and
/// head h reads the keys of g = h / (H / G). What a module would do around the operator (a position
/// of q and k or of inputs, gate, merge=sum: nn::MultiHeadAttention), heads that q and k do not
/// have and dropout without `inputs.training` are refused, not ignored. float32, float64 (and
/// bfloat16, float16 storage: computed in float32). Any strides. Lengths and batches may be 0. A
/// row that may see nothing gives zero and gets zero gradient. Cost: 4 B H Lq Lk D operations (half
/// when causal), O(Lq + Lk) memory beside the output; gradients for q, k, v, bias and parameters.
/// Throws UsageError that names the argument, the expected and the given shape or dtype.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const Attention& how, const AttendInputs& inputs = {});

/// The same from the text form. It is also the operator torch.ops.heed.attend, which Python finds
/// after torch.ops.load_library("libheed.so"): attend(q, k, v, how="scaled_dot", *,
/// key_lengths=None, attn_mask=None, bias=None, segment_ids=None, block_mask=None, parameters=None,
/// training=False, seed=None, query_offset=None), where parameters are in the order of
/// parameters_of(). A text is parsed once.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  std::string_view how, const AttendInputs& inputs = {});

/// The same of scaled dot products and softmax with the common options, none by default:
///
///     auto out = heed::attend(q, k, v, {.causal = true, .window = 256});
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const AttendOptions& options = {});

/// The same with the logarithm of the sum of the exponentials of each row's scores, (B, H, Lq),
/// -inf for a row that sees nothing; of other normalizers than softmax the threshold of sparsemax
/// and entmax, the key that hard chose, 0 for sigmoid and geometric. float32 for float32, float64
/// for float64. No gradient flows through it. Parts of a row's keys that were attended to apart are
/// merged by it.
std::tuple<at::Tensor, at::Tensor> attend_with_logsumexp(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v, const Attention& how,
                                                         const AttendInputs& inputs = {});

std::tuple<at::Tensor, at::Tensor> attend_with_logsumexp(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v,
                                                         const AttendOptions& options = {});

/// The same with the two numbers per row that make the weights computable wherever the scores lie,
/// (2, B, H, Lq): of softmax the largest score m and sum_j exp(s_j - m). (One number cannot: beside
/// scores of -1e9 the logarithm of a sum is rounded to a multiple of 64.) What heed::Map takes.
std::tuple<at::Tensor, at::Tensor> attend_with_row_stats(const at::Tensor& q, const at::Tensor& k,
                                                         const at::Tensor& v, const Attention& how,
                                                         const AttendInputs& inputs = {});

/// The readable formula: stores the weights, any device, differentiable any number of times. Same
/// arguments; with float64 tensors it is the reference of every test. Returns the output and, where
/// `weights` is not null, the weights (B, H, Lq, Lk) before dropout.
at::Tensor attend_reference(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const Attention& how, const AttendInputs& inputs = {},
                            at::Tensor* weights = nullptr);

}  // namespace heed
