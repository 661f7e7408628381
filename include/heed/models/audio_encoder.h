// Sound to tokens: two convolutions over frames and Transformer blocks.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

/// Of a record's features, one column a frame (heed/data/sound_features.h).
struct AudioShape {
  int64_t bands = 80;
  int64_t frames = 3000;  ///< at most; 0: any number
};

/// The [encoder] table of a recipe for sound.
struct AudioEncoderOptions : BlockStackOptions {
  AudioEncoderOptions() {
    width = 64, layers = 4;
    attention = Attention::parse("sinusoidal; num_heads=4");
  }
  int64_t subsampling = 2;

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
    v("subsampling", subsampling, "frames that a token stands for: 1, 2 (Whisper's) or 4",
      between(1, 4));
  }
  /// Throws ModelError for 3 frames a token.
  void check() const;
};

/// Batch: audio (B, bands, T) floating, 1 <= T <= frames; lengths (B) int64 of frames that are real, 1 to T, or none: all are.
/// -> states (B, L, M), L = ceil(T / s), with lengths ceil(length / s), s = subsampling, as Whisper's encoder makes them with s = 2 (Radford et al. 2022, 2.2):
///
///   x = gelu(conv1(audio))      kernel 3, stride 2 where s = 4 and otherwise 1, padding 1
///   x = gelu(conv2(x))          kernel 3, stride 1 where s = 1 and otherwise 2, padding 1
///   states = blocks(drop(position(x)))
///
/// A recording's states are those that it has by itself: frames behind its length, whatever they hold, are zeros before each
/// convolution, and no token sees one that stands for none of its frames.
///
/// Token i stands for the s frames from s i. The additive position of the attention is added here, once; rope acts in
/// each block. Cost: as TextEncoder's of L tokens, and 3 (bands + M / 2) M products a frame.
///
/// In evaluation recordings are computed one by one, unless maps are recorded, so that a recording's states have the same
/// bits in every batch: they are too long to gain from each other.
///
/// Parameters: conv1.*, conv2.*, [position.*], layers.I.*, [norm.*]. Throws ModelError that names the field where options
/// do not fit each other, UsageError for a batch of another shape.
class AudioEncoderImpl : public nn::Remade<AudioEncoderImpl, Encoder> {
 public:
  AudioEncoderImpl(const AudioEncoderOptions& options, const AudioShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  int64_t max_positions() const override { return tokens_of(shape.frames); }
  std::shared_ptr<AudioEncoderImpl> remade() const {
    return std::make_shared<AudioEncoderImpl>(options, shape);
  }

  std::optional<TokenFrames> frames() const override {
    return TokenFrames{.per_token = options.subsampling};
  }
  int64_t tokens_of(int64_t frames) const {
    return (frames + options.subsampling - 1) / options.subsampling;
  }
  at::Tensor tokens_of(const at::Tensor& frames) const {
    return (frames + (options.subsampling - 1)).div(options.subsampling, "floor");
  }

  AudioEncoderOptions options;
  AudioShape shape;
  torch::nn::Conv1d conv1{nullptr}, conv2{nullptr};
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  at::Tensor states_of(at::Tensor audio, const at::Tensor& lengths);
};
TORCH_MODULE(AudioEncoder);

}  // namespace heed
