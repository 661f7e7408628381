// A block of a decoder: tokens look at those before them, then at what an encoder read.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <string>

#include "heed/nn/block_parts.h"
#include "heed/nn/choices.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/row_norm.h"

namespace heed::nn {

struct TransformerDecoderBlockOptions {
  /* implicit */ TransformerDecoderBlockOptions(int64_t width)
      : width_(width), hidden_(4 * width) {}
  TORCH_ARG(int64_t, width);        ///< M
  TORCH_ARG(int64_t, hidden);       ///< F of the feed-forward part; 4 M unless given
  TORCH_ARG(Attention, attention);  ///< of the target to itself; causal, if it says so
  TORCH_ARG(Attention, cross);      ///< of the target to the source
  TORCH_ARG(Norm, norm) = Norm::pre;
  TORCH_ARG(Activation, activation) = Activation::relu;
  TORCH_ARG(double, dropout) = 0;  ///< of the three branches and the hidden values
  TORCH_ARG(BlockParts, parts);
  TORCH_ARG(bool, shares_position) = false;  ///< of `attention`: see MultiHeadAttention
};

/// With f the attention, the attention to the source z and then the feed-forward part, x (B, L, M),
/// z (B, Ls, M) -> (B, L, M) (Vaswani et al. 2017, 3.1):
///
///   pre:   x = x + dropout(f(norm(x)))
///   post:  x = norm(x + dropout(f(x)))
///   sandwich:  x = x + dropout(post_norm(f(norm(x))))
///
/// Where the cross attention asks for positions, token i of x stands where token i of z does.
/// Parameters: attention_norm.*, attention.*, cross_norm.*, cross.*, feed_forward_norm.*,
/// feed_forward.*, [attention_post_norm.*, cross_post_norm.*, feed_forward_post_norm.*].
class TransformerDecoderBlockImpl : public torch::nn::Cloneable<TransformerDecoderBlockImpl> {
 public:
  explicit TransformerDecoderBlockImpl(const TransformerDecoderBlockOptions& options);
  void reset() override;

  /// `to_source` speaks of the keys in z: their lengths.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& z, const AttendInputs& to_source = {});

  /// forward for the next tokens (B, L, M), without gradient: `cache` keeps the target (see
  /// MultiHeadAttention::step), z = cross->project(source). z may have n sequences of which each
  /// serves B / n rows that stand beside each other (the beams of a sentence), if the cross
  /// attention asks for no positions.
  at::Tensor step(const at::Tensor& x, KeyValueCache& cache, const KeyValues& z,
                  const AttendInputs& to_source = {});

  TransformerDecoderBlockOptions options;
  RowNorm attention_norm{nullptr}, cross_norm{nullptr}, feed_forward_norm{nullptr};
  /// Of sandwich only.
  RowNorm attention_post_norm{nullptr}, cross_post_norm{nullptr}, feed_forward_post_norm{nullptr};
  MultiHeadAttention attention{nullptr}, cross{nullptr};
  FeedForward feed_forward{nullptr};

 private:
  using Branch = std::function<at::Tensor(const at::Tensor&)>;
  at::Tensor add(const at::Tensor& x, RowNorm& norm, RowNorm& post_norm, const Branch& f);
  at::Tensor look(const at::Tensor& x, const KeyValues& z, AttendInputs to_source, int64_t first);
};
TORCH_MODULE(TransformerDecoderBlock);

}  // namespace heed::nn
