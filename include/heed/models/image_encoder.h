// Images to one vector each: tokens, Transformer blocks, pooling.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/normalization.h>
#include <torch/nn/pimpl.h>

#include <string>

#include "heed/core/fields.h"
#include "heed/models/image_stem.h"
#include "heed/nn/attention_pooling.h"
#include "heed/nn/choices.h"
#include "heed/nn/positions.h"
#include "heed/nn/transformer_block.h"

namespace heed {

/// The [model.encoder] table of a recipe.
struct ImageEncoderOptions {
  TORCH_ARG(std::string, kind) = "image";  ///< image: tokens are patches; rows: image rows
  TORCH_ARG(std::string, stem) = "patch";  ///< patch or conv; of kind image
  TORCH_ARG(int64_t, patch) = 4;           ///< pixels a token's side; of kind image
  TORCH_ARG(int64_t, width) = 64;          ///< M
  TORCH_ARG(int64_t, layers) = 6;          ///< 0: tokens are pooled as they are
  TORCH_ARG(int64_t, mlp_ratio) = 4;       ///< hidden channels of the feed-forward part, over M
  TORCH_ARG(nn::Activation, activation) = nn::Activation::gelu;
  TORCH_ARG(nn::Norm, norm) = nn::Norm::pre;
  TORCH_ARG(std::string, pool) = "attention";  ///< class_token, attention or mean
  TORCH_ARG(double, dropout) = 0;
  TORCH_ARG(double, stochastic_depth) = 0;  ///< of the last block; grows linearly from 0

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind(), "image: a token a patch; rows: a token a row of pixels");
    if (kind() == "image") {
      v("stem", stem(),
        "patch: a linear layer per patch; conv: convolutions, halving down to the patch");
      v("patch", patch(), "pixels along a token's side; divides height and width", at_least(1));
    }
    v("width", width(), "channels of a token; a multiple of attention.num_heads", at_least(1));
    v("layers", layers(), "Transformer blocks; 0: tokens are pooled as they are", at_least(0));
    v("mlp_ratio", mlp_ratio(), "hidden channels of a block's feed-forward part, over width",
      at_least(1));
    v("activation", activation(), "gelu or relu");
    v("norm", norm(), "pre or post: where a block normalises");
    v("pool", pool(), "class_token, attention or mean: tokens to one vector");
    v("dropout", dropout(), "of tokens, branches and hidden values", from_to_below(0, 1));
    v("stochastic_depth", stochastic_depth(),
      "probability that an image skips the last block; grows linearly from 0 at the first",
      from_to_below(0, 1));
  }
};

/// images (B, C, h, w) -> (B, M): z = blocks(drop(position([class;] stem(images)))), then the pool:
///
///   class_token  the first token, a learned vector, after the blocks (Dosovitskiy et al. 2021)
///   attention    nn::AttentionPooling of the tokens
///   mean         the mean of the tokens
///
/// `attention` is that of every block; its additive position is added here, once, to the tokens
/// (learned: a vector per token, so a vector a place of the grid), rope acts in each block.
/// Positions of a grid (sinusoidal_2d, learned_2d, rope_2d) are told that of the tokens. Pre-norm
/// ends with a normalisation of its own, with 0 layers too. Stochastic depth of block i of n is i /
/// (n - 1) of the option. Throws ModelError that names the field where options do not fit each
/// other or the images; UsageError for images of another shape.
class ImageEncoderImpl : public torch::nn::Cloneable<ImageEncoderImpl> {
 public:
  ImageEncoderImpl(const ImageEncoderOptions& options, const Attention& attention,
                   const ImageShape& shape);
  void reset() override;
  at::Tensor forward(const at::Tensor& images);

  TokenGrid grid() const;

  ImageEncoderOptions options;
  Attention attention;
  ImageShape shape;
  PatchStem patch_stem{nullptr};  ///< of the two stems, the one in use
  ConvStem conv_stem{nullptr};
  at::Tensor class_token;  ///< (1, 1, M) or undefined
  nn::AdditivePosition position{nullptr};
  torch::nn::Dropout dropout{nullptr};
  torch::nn::ModuleList layers{nullptr};
  torch::nn::LayerNorm norm{nullptr};  ///< null for norm = post
  nn::AttentionPooling pool{nullptr};

 private:
  at::Tensor tokens(const at::Tensor& images);
};
TORCH_MODULE(ImageEncoder);

}  // namespace heed
