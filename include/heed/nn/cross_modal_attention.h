// Two streams of tokens that look at each other: words and an image, sound and video.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include <string>
#include <utility>

#include "heed/nn/choices.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/row_norm.h"

namespace heed::nn {

struct CrossModalAttentionOptions {
  CrossModalAttentionOptions(int64_t x_width, int64_t y_width)
      : x_width_(x_width), y_width_(y_width) {}
  TORCH_ARG(int64_t, x_width);        ///< Mx
  TORCH_ARG(int64_t, y_width);        ///< My; may differ from Mx
  TORCH_ARG(Attention, attention);    ///< of both directions; its heads divide both widths
  TORCH_ARG(Norm, norm) = Norm::pre;  ///< pre (Tsai et al.) or post (Lu et al.)
  TORCH_ARG(int64_t, x_hidden) = 0;   ///< of x's feed-forward part; 0: there is none
  TORCH_ARG(int64_t, y_hidden) = 0;   ///< of y's
  TORCH_ARG(Activation, activation) = Activation::gelu;
  TORCH_ARG(double, dropout) = 0;  ///< of every branch and the hidden values
};

/// One stream x (B, Lx, Mx), the other y (B, Ly, My), both as they came in (co-attention: ViLBERT,
/// Lu et al. 2019; crossmodal attention: Tsai et al. 2019):
///
///   pre:   x' = x + attend(norm(x), norm(y)),   y' = y + attend(norm(y), norm(x))
///   post:  x' = norm(x + attend(x, y)),         y' = norm(y + attend(y, x))
///
/// and then, where there are hidden channels, each stream's feed-forward part in the same manner,
/// as in nn::TransformerBlock. attend(q, z) is an nn::MultiHeadAttention of q's width whose keys
/// and values come from z; each norm and each direction has parameters of its own.
///
/// `x_sees` is what x's queries are told: lengths (B) of y, a mask (B, H, Lx, Ly); `y_sees` the
/// other way round. Maps: x_to_y (x's queries on y) and y_to_x. Throws ModelError where the heads
/// do not divide a width or for an unknown norm, UsageError for inputs of another shape. Cost: two
/// cross attentions.
class CrossModalAttentionImpl : public torch::nn::Cloneable<CrossModalAttentionImpl> {
 public:
  explicit CrossModalAttentionImpl(const CrossModalAttentionOptions& options);
  void reset() override;
  /// The two streams: (B, Lx, Mx) and (B, Ly, My).
  std::pair<at::Tensor, at::Tensor> forward(const at::Tensor& x, const at::Tensor& y,
                                            const AttendInputs& x_sees = {},
                                            const AttendInputs& y_sees = {});

  CrossModalAttentionOptions options;
  MultiHeadAttention x_to_y{nullptr}, y_to_x{nullptr};
  RowNorm x_norm{nullptr}, y_norm{nullptr};
  RowNorm x_feed_forward_norm{nullptr}, y_feed_forward_norm{nullptr};
  FeedForward x_feed_forward{nullptr}, y_feed_forward{nullptr};  ///< null without hidden channels

 private:
  void make_feed_forward(const std::string& stream, int64_t width, int64_t hidden, RowNorm& norm,
                         FeedForward& layer);
  at::Tensor dropped(const at::Tensor& x) const;
  at::Tensor think(const at::Tensor& x, RowNorm& norm, FeedForward& layer);
};
TORCH_MODULE(CrossModalAttention);

}  // namespace heed::nn
