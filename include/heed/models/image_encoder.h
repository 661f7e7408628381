// Images to tokens: a stem and Transformer blocks.
#pragma once

#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/models/image_stem.h"
#include "heed/models/residual_stem.h"
#include "heed/nn/attention_gate.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

enum class ImageTokens { patches, rows };
constexpr std::array<const char*, 2> words(ImageTokens) { return {"patches", "rows"}; }

enum class ImageStem { patch, conv, residual };
constexpr std::array<const char*, 3> words(ImageStem) { return {"patch", "conv", "residual"}; }

/// What goes past the blocks.
enum class ImageSkip { none, attention_gate };
constexpr std::array<const char*, 2> words(ImageSkip) { return {"none", "attention_gate"}; }

/// The [encoder] table of a recipe for images.
struct ImageEncoderOptions : BlockStackOptions {
  ImageEncoderOptions() {
    width = 64, layers = 6, dropout = 0;
    attention = Attention::parse("learned; num_heads=4");
  }

  ImageTokens tokens = ImageTokens::patches;
  ImageStem stem = ImageStem::patch;
  StemGate gate = StemGate::none;
  int64_t patch = 4;
  bool class_token = false;
  ImageSkip skip = ImageSkip::none;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("tokens", tokens, "patches: a token a patch; rows: a token a row of pixels");
    if (tokens == ImageTokens::patches) {
      v("stem", stem,
        "patch: a linear layer a patch; conv: convolutions, halving down to the patch; residual: "
        "the "
        "first of them halves, too, and residual pairs stand behind the others, for larger images");
      if (stem == ImageStem::conv)
        v("gate", gate, "what weighs the channels of each convolution; cbam: pixels, too");
      v("patch", patch, "pixels along a token's side; divides height and width", between(1, 65535));
    }
    v("class_token", class_token, "whether a learned token stands first, for a head to read alone");
    v("skip", skip,
      "what goes past the blocks: attention_gate adds the stem's tokens to theirs, each weighed by "
      "what the blocks make of it; without class_token");
    BlockStackOptions::fields(v);
  }
};

/// Batch: image (B, C, h, w) floating. -> states (B, L, M) = blocks(drop(position([class;]
/// stem(image)))) with their grid (Dosovitskiy et al. 2021); class is a learned vector.
///
/// The additive position of the attention is added here, once (learned: a vector a token, so a
/// vector a place of the grid), rope acts in each block. Positions of a grid (sinusoidal_2d,
/// learned_2d, rope_2d) are told that of the tokens.
///
/// skip = attention_gate (Oktay et al. 2018): states + a stem(image), where a is a number from 0 to
/// 1 per token, which nn::AttentionGate (stride 1, M / 2 hidden) computes of stem(image) with the
/// states as signal.
///
/// Parameters: stem.*, [class_token], [position.*], layers.I.*, [norm.*], [skip.*]. Throws ModelError
/// that names the field where options do not fit each other or the images.
class ImageEncoderImpl : public nn::Remade<ImageEncoderImpl, Encoder> {
 public:
  ImageEncoderImpl(const ImageEncoderOptions& options, const ImageShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<ImageEncoderImpl> remade() const {
    return std::make_shared<ImageEncoderImpl>(options, shape);
  }
  int64_t max_positions() const override { return grid().tokens(); }
  std::optional<TokenGrid> image_grid() const override { return grid(); }

  TokenGrid grid() const;

  ImageEncoderOptions options;
  ImageShape shape;
  PatchStem patch_stem{nullptr};  ///< of the three stems, the one in use
  ConvStem conv_stem{nullptr};
  ResidualStem residual_stem{nullptr};
  at::Tensor class_token;  ///< (1, 1, M) or undefined
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;
  nn::AttentionGate skip{nullptr};

 private:
  void make_stem();
  at::Tensor through_stem(const at::Tensor& image);
  at::Tensor skipped(const at::Tensor& stem, const at::Tensor& states);
};
TORCH_MODULE(ImageEncoder);

}  // namespace heed
