// Sound to tokens: convolutions or a linear layer over frames, and Transformer blocks.
#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>

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

/// How frames become tokens.
enum class AudioStem { conv, linear };
constexpr std::array<const char*, 2> words(AudioStem) { return {"conv", "linear"}; }

/// The [encoder] table of a recipe for sound.
struct AudioEncoderOptions : BlockStackOptions {
  AudioEncoderOptions() {
    width = 64, layers = 4;
    attention = Attention::parse("sinusoidal; num_heads=4");
  }

  AudioStem stem = AudioStem::conv;
  int64_t patch = 1;
  int64_t subsampling = 2;
  bool class_token = false;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("stem", stem, "conv: two convolutions; linear: a layer a patch");
    if (stem == AudioStem::conv)
      v("subsampling", subsampling, "frames of a token: 1, 2 (Whisper's) or 4", between(1, 4));
    if (stem == AudioStem::linear) v("patch", patch, "frames of a token", between(1, 65535));
    v("class_token", class_token, "whether a learned token stands first, for a head to read alone");
    BlockStackOptions::fields(v);
  }
  /// Throws ModelError for 3 frames a token of convolutions.
  void check() const;
};

/// Batch: audio (B, bands, T) floating, 1 <= T <= frames; lengths (B) int64 of frames that are real, 1 to T, or none: all are.
/// -> states (B, L, M) and, where lengths were given, lengths
///
///   conv     x = gelu(conv1(audio))      kernel 3, stride 1, padding 1      as Whisper's encoder (Radford et al. 2022, 2.2)
///            x = gelu(conv2(x))          kernel 3, stride 2, padding 1      L = ceil(T / subsampling); of 1 both strides are
///                                        1, of 4 both are 2
///   linear   x_i = W audio[:, i patch .. (i + 1) patch - 1] + b             L = ceil(T / patch), zeros behind the last frame
///                                        (patches of whole frames: Berg et al. 2021, the keyword transformer)
///   states = blocks(drop(position([class; x])))
///
/// A recording's states are those that it has by itself: frames behind its length, whatever they hold, are zeros before the
/// stem and between convolutions, and no token sees one that stands for none of its frames.
///
/// The additive position of the attention is added here, once, to the class token too; rope acts in each block. Cost: as
/// TextEncoder's of L tokens, and 3 (bands + M / 2) M products a frame, or bands M.
///
/// In evaluation recordings are computed one by one, unless maps are recorded, so that a recording's states have the same
/// bits in every batch: they are too long to gain from each other.
///
/// Parameters: conv1.*, conv2.* or linear.*, [class_token], [position.*], layers.I.*, [norm.*]. Throws ModelError that names
/// the field where options do not fit each other, UsageError for a batch of another shape.
class AudioEncoderImpl : public nn::Remade<AudioEncoderImpl, Encoder> {
 public:
  AudioEncoderImpl(const AudioEncoderOptions& options, const AudioShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  int64_t max_positions() const override { return shape.frames > 0 ? tokens_of(shape.frames) : 0; }
  std::shared_ptr<AudioEncoderImpl> remade() const {
    return std::make_shared<AudioEncoderImpl>(options, shape);
  }

  int64_t frames_per_token() const {
    return options.stem == AudioStem::conv ? options.subsampling : options.patch;
  }
  std::optional<TokenFrames> frames() const override {
    return TokenFrames{frames_per_token(), options.class_token};
  }
  /// Of that many frames, with the class token.
  int64_t tokens_of(int64_t frames) const {
    return options.class_token + (frames + frames_per_token() - 1) / frames_per_token();
  }

  AudioEncoderOptions options;
  AudioShape shape;
  torch::nn::Conv1d conv1{nullptr}, conv2{nullptr};  ///< of the two stems, the one in use
  torch::nn::Linear linear{nullptr};
  at::Tensor class_token;  ///< (1, 1, M) or undefined
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  void make_stem();
  at::Tensor tokens_of(const at::Tensor& frames) const;
  at::Tensor stem_of(const at::Tensor& audio, const at::Tensor& lengths);
  at::Tensor states_of(const at::Tensor& audio, const at::Tensor& lengths);
};
TORCH_MODULE(AudioEncoder);

}  // namespace heed
