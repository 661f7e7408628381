// A Transformer block: tokens look at each other, then each thinks by itself.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <optional>
#include <string>

#include "heed/nn/block_parts.h"
#include "heed/nn/choices.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/linear_attention.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/row_norm.h"

namespace heed::nn {

struct TransformerBlockOptions {
  /* implicit */ TransformerBlockOptions(int64_t width) : width_(width), hidden_(4 * width) {}
  TORCH_ARG(int64_t, width);   ///< M
  TORCH_ARG(int64_t, hidden);  ///< F of the feed-forward part; 4 M unless given
  TORCH_ARG(Attention, attention);
  TORCH_ARG(std::optional<LinearAttentionOptions>, linear);  ///< in place of `attention`
  TORCH_ARG(Norm, norm) = Norm::pre;
  TORCH_ARG(Activation, activation) = Activation::gelu;
  TORCH_ARG(double, dropout) = 0;           ///< of both branches and the hidden values
  TORCH_ARG(double, stochastic_depth) = 0;  ///< probability that a sample skips a branch
  TORCH_ARG(BlockParts, parts);
  /// Whether the attention's input is normalised (pre, sandwich): false where it already is.
  TORCH_ARG(bool, attention_norm) = true;
  TORCH_ARG(bool, shares_position) = false;  ///< see MultiHeadAttention
};

/// With f the attention and then the feed-forward part, x (B, L, M) -> (B, L, M):
///
///   pre:   x = x + drop(f(norm(x)))      (Xiong et al. 2020: trains without warm-up)
///   post:  x = norm(x + drop(f(x)))      (Vaswani et al. 2017)
///   sandwich:  x = x + drop(post_norm(f(norm(x))))      (Ding et al. 2021)
///
/// `drop` is dropout and stochastic depth (see drop_path). forward_after takes `before` (B, n, M),
/// earlier tokens as they were before this block: keys and values are those of [before; x] (see
/// SegmentMemory). step(x, cache) is forward for the next tokens of a sequence (see
/// MultiHeadAttention::step). Parameters: [attention_norm.*], attention.*, [attention_post_norm.*],
/// feed_forward_norm.*, feed_forward.*, [feed_forward_post_norm.*].
///
/// With `linear` f is an nn::LinearAttention, which leaves no map, is told the lengths alone and
/// throws UsageError in forward_after and step.
class TransformerBlockImpl : public torch::nn::Cloneable<TransformerBlockImpl> {
 public:
  explicit TransformerBlockImpl(const TransformerBlockOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs = {});
  at::Tensor forward_after(const at::Tensor& before, const at::Tensor& x,
                           const AttendInputs& inputs = {});
  at::Tensor step(const at::Tensor& x, KeyValueCache& cache, const AttendInputs& inputs = {});

  TransformerBlockOptions options;
  RowNorm attention_norm{nullptr}, feed_forward_norm{nullptr};
  RowNorm attention_post_norm{nullptr}, feed_forward_post_norm{nullptr};  ///< of sandwich only
  MultiHeadAttention attention{nullptr};      ///< of the two attentions, the one in use
  LinearAttention linear_attention{nullptr};  ///< registered as "attention" too
  FeedForward feed_forward{nullptr};

 private:
  void make_attention();
  at::Tensor add(const at::Tensor& x, const at::Tensor& branch, RowNorm& post_norm);
  at::Tensor normed(const at::Tensor& x);
  at::Tensor look(const at::Tensor& x, const AttendInputs& inputs);
  void check_softmax(const char* call) const;
  at::Tensor finish(const at::Tensor& x, const at::Tensor& seen);
};
TORCH_MODULE(TransformerBlock);

/// x + m branch with m[b] = 0 with probability p, else 1 / (1 - p), one number a sample of the
/// first dimension, drawn from LibTorch's generator: what is added has the expectation `branch`
/// (Huang et al. 2016). p in [0, 1).
at::Tensor drop_path(const at::Tensor& x, const at::Tensor& branch, double p);

}  // namespace heed::nn
