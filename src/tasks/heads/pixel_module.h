// Tokens on a grid to numbers a pixel.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"

namespace heed {

/// How tokens become classes of pixels.
enum class PixelDecoder { linear, shuffle, queries };
constexpr std::array<const char*, 3> words(PixelDecoder) {
  return {"linear", "shuffle", "queries"};
}

struct PixelModuleOptions {
  PixelModuleOptions() { blocks.layers = 1, blocks.dropout = 0; }

  PixelDecoder decoder = PixelDecoder::linear;
  BlockStackOptions blocks;  ///< of queries; as wide as the encoder's tokens

  template <class Visitor>
  void fields(Visitor&& v) {
    v("decoder", decoder,
      "linear: a layer a token, made as large as the image; shuffle: a layer from a token to all "
      "of "
      "its pixels; queries: Transformer blocks over tokens and a vector a class");
    if (decoder != PixelDecoder::queries) return;
    v("layers", blocks.layers, "Transformer blocks", between(1, kMostLayers));
    v("hidden", blocks.hidden, "channels inside a block's feed-forward part; 0: four times width",
      between(0, kMostChannels));
    v("dropout", blocks.dropout, "of branches and hidden values", from_to_below(0, 1));
    v("attention", blocks.attention, "of every block; no position");
  }
};

/// tokens (B, L, M) with their grid (r, c) -> logits (B, K, h, w) float32 of an image of h x w pixels.
///
///   linear   z = tokens W + b (B, K, r, c), made h x w bilinearly, pixels being areas (Segmenter's
///            linear decoder, Strudel et al. 2021)
///   shuffle  a token gives its own h/r x w/c pixels: W (M, K h/r w/c), b (Shi et al. 2016)
///   queries  [tokens; q] through blocks, q (K, M) learned; z[k] = norm of the cosines of P tokens with
///            C q_k, normalised over classes; then as linear (Segmenter's mask decoder)
///
/// W from a normal of deviation 0.02, b zero. A class token is left out. Throws ModelError that names
/// the key: a grid that does not divide the image (shuffle), heads that do not divide the width.
/// Parameters: linear.* or queries, layers.*, norm.*, patches.*, classes.*, masks.*.
class PixelModule : public torch::nn::Module {
 public:
  PixelModule(int64_t token_width, const TokenGrid& grid, const ImageShape& image, int64_t classes,
              const PixelModuleOptions& options);
  at::Tensor forward(const Tokens& tokens);

 private:
  void make_queries(int64_t width);
  at::Tensor masks_of(const at::Tensor& tokens);
  at::Tensor shuffled(const at::Tensor& z) const;

  PixelModuleOptions options_;
  TokenGrid grid_;
  ImageShape image_;
  int64_t classes_;
  torch::nn::Linear linear_{nullptr}, patches_{nullptr}, class_vectors_{nullptr};
  at::Tensor queries_;  ///< (K, M)
  BlockStack blocks_;
  torch::nn::LayerNorm masks_{nullptr};
};

}  // namespace heed
