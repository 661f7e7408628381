#include "heed/models/video_encoder.h"

#include "models/encoder_check.h"
#include "models/encoder_parts.h"

namespace heed {
namespace {

/// Blocks of time are those of space with another attention, all of them alike.
BlockStackOptions time_options(const VideoEncoderOptions& options) {
  BlockStackOptions blocks = options;
  blocks.layers = options.time_layers;
  blocks.attention = options.time_attention;
  static_cast<StackLayers&>(blocks) = StackLayers();
  return blocks;
}

}  // namespace

void VideoEncoderImpl::check() const {
  models::check_fields(options);
  if (shape.frames % options.tubelet != 0)
    throw ModelError(text_of("encoder.tubelet: expected a divisor of input.frames = ", shape.frames,
                             ", given ", options.tubelet));
  if (options.frame_pool == nn::PoolingKind::first && !options.class_token)
    throw ModelError(
        "encoder.frame_pool: first reads the class token; set encoder.class_token, or choose "
        "another pool");
  models::check_attention(options.time_attention, "time_attention", {.name = "frames"});
  models::check_heads(options.time_attention, "time_attention", options.width, options.head_width,
                      "encoder.");
  if (options.frame_pool == nn::PoolingKind::attention)
    models::check_attention(options.frame_pool_attention, "frame_pool_attention",
                            {.name = "frames"});
}

VideoEncoderImpl::VideoEncoderImpl(const VideoEncoderOptions& given, const VideoShape& shape)
    : options(given), shape(shape) {
  check();
  auto image = shape.frame;
  image.channels *= options.tubelet;
  space = register_module("space", ImageEncoder(options, image));
  frame_pool = register_module(
      "frame_pool",
      nn::Pooling(
          options.width,
          nn::PoolingOptions().kind(options.frame_pool).attention(options.frame_pool_attention)));
  position = models::additive_position(*this, "position", options.time_attention.position,
                                       options.width, tokens());
  blocks = BlockStack(*this, time_options(options));
}

Tokens VideoEncoderImpl::forward(const Batch& batch) {
  const auto& frame = shape.frame;
  const auto& video = models::taken(
      batch, "video",
      {{"B"}, {"F", shape.frames}, {"C", frame.channels}, {"h", frame.height}, {"w", frame.width}},
      models::Dtype::floating);
  const int64_t B = video.size(0), S = tokens();
  Batch images{{{"image", video.reshape({B * S, options.tubelet * frame.channels, frame.height,
                                         frame.width})}},
               batch.records};
  const auto patches = space->forward(images).states;                 // (B S, L, M)
  auto x = frame_pool->forward(patches).view({B, S, options.width});  // (B, S, M)
  if (position) x = position->forward(x);
  x = torch::dropout(x, options.dropout, is_training());
  auto grid = space->grid();
  grid.frames = shape.frames, grid.tubelet = options.tubelet;
  return {.states = blocks.forward(x), .frames = frames(), .map_grid = grid};
}

}  // namespace heed
