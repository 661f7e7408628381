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

/// Of a record's features, one column a frame (heed/data/log_mel.h).
struct AudioShape {
  int64_t mels = 80;
  int64_t frames = 3000;  ///< at most
};

/// The [encoder] table of a recipe for sound.
struct AudioEncoderOptions : BlockStackOptions {
  AudioEncoderOptions() {
    width = 64, layers = 4;
    attention = Attention::parse("sinusoidal; num_heads=4");
  }

  template <class Visitor>
  void fields(Visitor&& v) {
    BlockStackOptions::fields(v);
  }
};

/// Batch: audio (B, mels, T) floating, 1 <= T <= frames. -> states (B, L, M), L = ceil(T / 2), as Whisper's encoder
/// makes them (Radford et al. 2022, 2.2):
///
///   x = gelu(conv1(audio))      kernel 3, stride 1, padding 1
///   x = gelu(conv2(x))          kernel 3, stride 2, padding 1
///   states = blocks(drop(position(x)))
///
/// Token i stands for frames 2 i and 2 i + 1. The additive position of the attention is added here, once; rope acts in
/// each block. Cost: as TextEncoder's of L tokens, and 3 (mels + M / 2) M products a frame.
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

  static int64_t tokens_of(int64_t frames) { return (frames + 1) / 2; }

  AudioEncoderOptions options;
  AudioShape shape;
  torch::nn::Conv1d conv1{nullptr}, conv2{nullptr};
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  at::Tensor states_of(const at::Tensor& audio);
};
TORCH_MODULE(AudioEncoder);

}  // namespace heed
