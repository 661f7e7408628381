#include "heed/models/image_encoder.h"

#include "core/text.h"
#include "nn/linear.h"

namespace heed {
namespace {

void check_number(const char* field, double given, const Bounds& bounds) {
  if (!bounds.allow(given))
    throw ModelError(text_of("encoder.", field, ": expected ", bounds.text(), ", given ", given));
}

/// The bounds that `fields` states, and the words.
void check(ImageEncoderOptions options, const Attention& attention) {
  check_word("encoder.kind", options.kind(), {"image", "rows"});
  check_word("encoder.stem", options.stem(), {"patch", "conv"});
  check_word("encoder.pool", options.pool(), {"class_token", "attention", "mean"});
  options.fields([](const char* field, const auto& value, const char*, Bounds bounds = {}) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>)
      check_number(field, static_cast<double>(value), bounds);
  });
  try {
    attention.check();
  } catch (const UsageError& error) {
    throw ModelError(error.what());
  }
  if (options.width() % attention.num_heads != 0)
    throw ModelError(text_of("encoder.width: expected a multiple of attention.num_heads = ",
                             attention.num_heads, ", given ", options.width()));
  for (const char* needed : {"key_lengths", "attn_mask"})
    if (attention.has_mask(needed))
      throw ModelError(
          text_of("attention.masks: '", needed,
                  "' needs a tensor with each input, and images bring none; remove it"));
  if (attention.has_modifier("bias"))
    throw ModelError(
        "attention.modifiers: 'bias' needs a tensor with each input, and images bring "
        "none; remove it");
}

/// Where the tokens lie, as far as the position asks.
Attention on_grid(Attention attention, const TokenGrid& grid) {
  attention.position = nn::on_grid(attention.position, grid.columns, grid.class_token);
  return attention;
}

/// Additive positions are added once, by the encoder.
Attention without_additive_position(Attention attention) {
  if (nn::is_additive(attention.position)) attention.position = Attention().position;
  return attention;
}

StemOptions stem_options(const ImageEncoderOptions& options, const ImageShape& shape) {
  const auto stem = StemOptions(shape, options.width());
  if (options.kind() == "rows") return StemOptions(stem).patch_height(1).patch_width(shape.width);
  return StemOptions(stem).patch_height(options.patch()).patch_width(options.patch());
}

nn::TransformerBlockOptions block_options(const ImageEncoderOptions& options, int64_t layer,
                                          const Attention& attention) {
  const double depth = options.layers() > 1 ? double(layer) / double(options.layers() - 1) : 1;
  return nn::TransformerBlockOptions(options.width())
      .hidden(options.mlp_ratio() * options.width())
      .attention(without_additive_position(attention))
      .norm(options.norm())
      .activation(options.activation())
      .dropout(options.dropout())
      .stochastic_depth(options.stochastic_depth() * depth);
}

}  // namespace

ImageEncoderImpl::ImageEncoderImpl(const ImageEncoderOptions& options, const Attention& attention,
                                   const ImageShape& shape)
    : options(options), attention(attention), shape(shape) {
  reset();
}

TokenGrid ImageEncoderImpl::grid() const {
  const auto stem = stem_options(options, shape);
  return {.rows = shape.height / stem.patch_height(),
          .columns = shape.width / stem.patch_width(),
          .class_token = options.pool() == "class_token"};
}

void ImageEncoderImpl::reset() {
  check(options, attention);
  const int64_t M = options.width();
  const auto placed = on_grid(attention, grid());
  const auto stem = stem_options(options, shape);
  if (options.kind() == "image" && options.stem() == "conv")
    conv_stem = register_module("stem", ConvStem(stem));
  else
    patch_stem = register_module("stem", PatchStem(stem));
  if (options.pool() == "class_token") {
    class_token = register_parameter("class_token", torch::empty({1, 1, M}));
    nn::truncated_normal(class_token);
  }
  if (nn::is_additive(attention.position))
    position = register_module(
        "position",
        nn::AdditivePosition(
            nn::AdditivePositionOptions(M).position(placed.position).length(grid().tokens())));
  dropout = register_module("dropout", torch::nn::Dropout(options.dropout()));
  layers = register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.layers(); ++i)
    layers->push_back(nn::TransformerBlock(block_options(options, i, placed)));
  if (options.norm() == nn::Norm::pre)
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({M})));
  if (options.pool() == "attention")
    pool = register_module(
        "pool", nn::AttentionPooling(nn::AttentionPoolingOptions(M).attention(attention)));
}

at::Tensor ImageEncoderImpl::tokens(const at::Tensor& images) {
  auto x = conv_stem ? conv_stem->forward(images) : patch_stem->forward(images);  // (B, r c, M)
  if (class_token.defined()) x = torch::cat({class_token.expand({x.size(0), 1, -1}), x}, 1);
  if (position) x = position->forward(x);
  return dropout->forward(x);
}

at::Tensor ImageEncoderImpl::forward(const at::Tensor& images) {
  if (!images.defined() || images.dim() != 4 || images.size(1) != shape.channels ||
      images.size(2) != shape.height || images.size(3) != shape.width)
    throw UsageError(text_of("image encoder: images: expected shape (B, ", shape.channels, ", ",
                             shape.height, ", ", shape.width, "), given ",
                             images.defined() ? text_of(images.sizes()) : "no tensor"));
  if (!images.is_floating_point())
    throw UsageError(
        text_of("image encoder: images: expected a floating dtype, given ", images.dtype()));
  auto x = tokens(images);  // (B, L, M)
  for (const auto& layer : *layers) x = layer->as<nn::TransformerBlockImpl>()->forward(x);
  if (norm) x = nn::normalise(norm, x);
  if (pool) return pool->forward(x).squeeze(1);
  return class_token.defined() ? x.select(1, 0) : x.mean(1);  // (B, M)
}

}  // namespace heed
