#include "heed/nn/cross_modal_attention.h"

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

MultiHeadAttention direction(int64_t width, int64_t key_width, const Attention& how) {
  return MultiHeadAttention(MultiHeadAttentionOptions(width).key_width(key_width).attention(how));
}

void check_stream(const at::Tensor& x, const char* name, int64_t width) {
  if (x.defined() && x.dim() == 3 && x.size(2) == width) return;
  throw UsageError(text_of("cross-modal attention: ", name, ": expected shape (B, L, ", width,
                           "), given ", x.defined() ? text_of(x.sizes()) : "no tensor"));
}

}  // namespace

CrossModalAttentionImpl::CrossModalAttentionImpl(const CrossModalAttentionOptions& options)
    : options(options) {
  reset();
}

void CrossModalAttentionImpl::reset() {
  const int64_t Mx = options.x_width(), My = options.y_width();
  if (Mx < 1 || My < 1)
    throw ModelError(text_of("x_width, y_width: expected at least 1, given ", Mx, " and ", My));
  if (options.norm() == Norm::sandwich)
    throw ModelError("norm: expected pre or post, given sandwich");
  if (options.x_hidden() < 0 || options.y_hidden() < 0)
    throw ModelError(text_of("x_hidden, y_hidden: expected at least 0, given ", options.x_hidden(),
                             " and ", options.y_hidden()));
  x_norm = register_module("x_norm", RowNorm(Mx));
  y_norm = register_module("y_norm", RowNorm(My));
  x_to_y = register_module("x_to_y", direction(Mx, My, options.attention()));
  y_to_x = register_module("y_to_x", direction(My, Mx, options.attention()));
  make_feed_forward("x", Mx, options.x_hidden(), x_feed_forward_norm, x_feed_forward);
  make_feed_forward("y", My, options.y_hidden(), y_feed_forward_norm, y_feed_forward);
}

void CrossModalAttentionImpl::make_feed_forward(const std::string& stream, int64_t width,
                                                int64_t hidden, RowNorm& norm, FeedForward& layer) {
  if (hidden == 0) return;
  norm = register_module(stream + "_feed_forward_norm", RowNorm(width));
  layer =
      register_module(stream + "_feed_forward", FeedForward(FeedForwardOptions(width, hidden)
                                                                .activation(options.activation())
                                                                .dropout(options.dropout())));
}

at::Tensor CrossModalAttentionImpl::dropped(const at::Tensor& x) const {
  return heed::dropout(x, options.dropout(), is_training());
}

at::Tensor CrossModalAttentionImpl::think(const at::Tensor& x, RowNorm& norm, FeedForward& layer) {
  if (!layer) return x;
  if (options.norm() == Norm::pre) return x + dropped(layer->forward(norm->forward(x)));
  return norm->forward(x + dropped(layer->forward(x)));
}

std::pair<at::Tensor, at::Tensor> CrossModalAttentionImpl::forward(const at::Tensor& x,
                                                                   const at::Tensor& y,
                                                                   const AttendInputs& x_sees,
                                                                   const AttendInputs& y_sees) {
  check_stream(x, "x", options.x_width()), check_stream(y, "y", options.y_width());
  const bool pre = options.norm() == Norm::pre;
  const auto in_x = pre ? x_norm->forward(x) : x, in_y = pre ? y_norm->forward(y) : y;
  auto new_x = x + dropped(x_to_y->forward(in_x, in_y, x_sees));
  auto new_y = y + dropped(y_to_x->forward(in_y, in_x, y_sees));
  if (!pre) new_x = x_norm->forward(new_x), new_y = y_norm->forward(new_y);
  return {think(new_x, x_feed_forward_norm, x_feed_forward),
          think(new_y, y_feed_forward_norm, y_feed_forward)};
}

}  // namespace heed::nn
