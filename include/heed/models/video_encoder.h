// Clips to tokens: attention over space, then over time.
#pragma once

#include <torch/nn/pimpl.h>

#include "heed/models/image_encoder.h"
#include "heed/nn/pooling.h"

namespace heed {

/// The extent of a clip: frames of one shape.
struct VideoShape {
  int64_t frames = 0;
  ImageShape frame;
};

/// The [encoder] table of a recipe for clips: the keys of an image encoder speak of space.
struct VideoEncoderOptions : ImageEncoderOptions {
  VideoEncoderOptions() { layers = 2; }

  int64_t tubelet = 1;
  nn::PoolingKind frame_pool = nn::PoolingKind::mean;
  Attention frame_pool_attention = {};
  int64_t time_layers = 1;
  Attention time_attention = Attention::parse("learned; num_heads=4");

  template <class Visitor>
  void fields(Visitor&& v) {
    v("tubelet", tubelet,
      "frames, one behind the other, that make a token together; divides input.frames",
      between(1, 1024));
    ImageEncoderOptions::fields(v);
    v("frame_pool", frame_pool,
      "how the tokens of a frame become the frame's: as head.pool.kind; first: the class token");
    if (frame_pool == nn::PoolingKind::attention)
      v("frame_pool_attention", frame_pool_attention,
        "of that pool: score, normalizer, heads, merge");
    v("time_layers", time_layers,
      "blocks in which frames attend to each other, behind those of space",
      between(0, kMostLayers));
    v("time_attention", time_attention,
      "of these blocks; its position is a frame's among the others");
  }
};

/// Batch: video (B, F, C, h, w) floating. -> states (B, S, M), S = F / t for tubelets of t frames: a factorised encoder (Arnab et al.
/// 2021, "ViViT", model 2).
///
///   frames  s_bi (M) = pool(space(frames t i .. t i + t - 1 of clip b, their channels one behind the other))
///   clip    states = blocks(drop(position(s_b)))
///
/// `space` is an ImageEncoder of t C channels, the same for all frames, so a stem's convolution over t frames is ViViT's tubelet embedding.
/// The blocks of time have the options of those of space, but for number and attention. Maps of space have a batch of B S:
/// frame i of clip b is b S + i. Cost: F / t times that of an image, and S^2 per head and layer of time.
///
/// Parameters: space.*, [frame_pool.*], [position.*], layers.I.*, [norm.*]. Throws ModelError that names the field where options do
/// not fit each other or the clips.
class VideoEncoderImpl : public nn::Remade<VideoEncoderImpl, Encoder> {
 public:
  VideoEncoderImpl(const VideoEncoderOptions& options, const VideoShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<VideoEncoderImpl> remade() const {
    return std::make_shared<VideoEncoderImpl>(options, shape);
  }
  int64_t max_positions() const override { return tokens(); }
  std::optional<TokenFrames> frames() const override { return TokenFrames{options.tubelet}; }

  /// S
  int64_t tokens() const { return shape.frames / options.tubelet; }

  VideoEncoderOptions options;
  VideoShape shape;
  ImageEncoder space{nullptr};
  nn::Pooling frame_pool{nullptr};
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  void check() const;
};
TORCH_MODULE(VideoEncoder);

}  // namespace heed
