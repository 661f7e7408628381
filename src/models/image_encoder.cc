#include "heed/models/image_encoder.h"

#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/linear.h"
#include "nn/probed.h"

namespace heed {
namespace {

StemOptions stem_options(const ImageEncoderOptions& options, const ImageShape& shape) {
  const auto stem = StemOptions(shape, options.width).gate(options.gate);
  if (options.tokens == ImageTokens::rows)
    return StemOptions(stem).patch_height(1).patch_width(shape.width);
  return StemOptions(stem).patch_height(options.patch).patch_width(options.patch);
}

}  // namespace

ImageEncoderImpl::ImageEncoderImpl(const ImageEncoderOptions& given, const ImageShape& shape)
    : options(given), shape(shape) {
  models::check_fields(options);
  if (options.skip == ImageSkip::attention_gate && options.class_token)
    throw ModelError(
        "encoder.skip: attention_gate adds to all tokens but the class token, which a head reads "
        "alone; leave out class_token or skip");
  models::check_blocks(options, {.name = "images", .grid = true});
  make_stem();
  const int64_t M = options.width;
  if (options.class_token) {
    class_token = register_parameter("class_token", torch::empty({1, 1, M}));
    nn::truncated_normal(class_token);
  }
  auto placed = options;
  placed.attention.position =
      nn::on_grid(options.attention.position, grid().columns, grid().class_token);
  placed.local_attention.position =
      nn::on_grid(options.local_attention.position, grid().columns, grid().class_token);
  position =
      models::additive_position(*this, "position", placed.attention.position, M, grid().tokens());
  blocks = BlockStack(*this, placed);
  if (options.skip == ImageSkip::attention_gate)
    skip = register_module("skip", nn::AttentionGate(nn::AttentionGateOptions(M, M).stride(1)));
}

void ImageEncoderImpl::make_stem() {
  const auto stem = stem_options(options, shape);
  const bool patches = options.tokens == ImageTokens::patches;
  if (patches && options.stem == ImageStem::conv)
    conv_stem = register_module("stem", ConvStem(stem));
  else if (patches && options.stem == ImageStem::residual)
    residual_stem = register_module("stem", ResidualStem(stem));
  else
    patch_stem = register_module("stem", PatchStem(stem));
}

at::Tensor ImageEncoderImpl::through_stem(const at::Tensor& image) {
  if (conv_stem) return conv_stem->forward(image);
  return residual_stem ? residual_stem->forward(image) : patch_stem->forward(image);
}

TokenGrid ImageEncoderImpl::grid() const {
  const auto stem = stem_options(options, shape);
  return {.rows = shape.height / stem.patch_height(),
          .columns = shape.width / stem.patch_width(),
          .class_token = options.class_token};
}

Tokens ImageEncoderImpl::forward(const Batch& batch) {
  const auto& image = models::taken(
      batch, "image", {{"B"}, {"C", shape.channels}, {"h", shape.height}, {"w", shape.width}},
      models::Dtype::floating);
  const auto stem = nn::embedded(through_stem(image));  // (B, r c, M)
  auto x = stem;
  if (class_token.defined()) x = torch::cat({class_token.expand({x.size(0), 1, -1}), x}, 1);
  if (position) x = position->forward(x);
  x = torch::dropout(x, options.dropout, is_training());
  x = blocks.forward(x);
  return {.states = skip ? skipped(stem, x) : x, .grid = grid()};
}

at::Tensor ImageEncoderImpl::skipped(const at::Tensor& stem, const at::Tensor& states) {
  const auto map = [&](const at::Tensor& tokens) {  // (B, r c, M) -> (B, M, r, c)
    return tokens.transpose(1, 2).reshape(
        {tokens.size(0), options.width, grid().rows, grid().columns});
  };
  return states + skip->forward(map(stem), map(states)).flatten(2).transpose(1, 2);
}

}  // namespace heed
