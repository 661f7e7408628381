// Images to tokens.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>
#include <cstdint>

#include "heed/core/image_shape.h"

namespace heed {

/// How tokens lie on the image: token [class_token +] r * columns + c covers the pixels from
/// (r * height / rows, c * width / columns). Of a clip it is how those of a frame lie on that.
struct TokenGrid {
  int64_t rows = 0, columns = 0;
  bool class_token = false;  ///< one more token stands before the others
  int64_t frames = 0;        ///< of a clip, which lie side by side; 0: it is an image
  int64_t tubelet = 1;       ///< frames of a clip that have their tokens in common

  int64_t tokens() const { return rows * columns + class_token; }
};

/// What weighs what a convolution gives.
enum class StemGate { none, squeeze_excitation, cbam };
constexpr std::array<const char*, 3> words(StemGate) {
  return {"none", "squeeze_excitation", "cbam"};
}

struct StemOptions {
  StemOptions(ImageShape shape, int64_t width) : shape_(shape), width_(width) {}
  TORCH_ARG(ImageShape, shape);
  TORCH_ARG(int64_t, width);             ///< M
  TORCH_ARG(int64_t, patch_height) = 1;  ///< Ph, divides the image's height
  TORCH_ARG(int64_t, patch_width) = 1;   ///< Pw, divides the image's width
  /// What weighs the channels (squeeze_excitation) or channels and pixels (cbam) after each
  /// convolution of a ConvStem, with a sixteenth of the channels hidden, 4 at least; or none.
  TORCH_ARG(StemGate, gate) = StemGate::none;
};

/// One linear layer per patch: (B, C, h, w) -> (B, L, M), L = (h / Ph) (w / Pw), row by row.
/// Weights from a normal of 0.02 cut at two deviations, bias zero (Dosovitskiy et al. 2021). Cost:
/// 2 C h w M operations per image.
class PatchStemImpl : public torch::nn::Cloneable<PatchStemImpl> {
 public:
  explicit PatchStemImpl(const StemOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& images);

  StemOptions options;
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(PatchStem);

/// Convolutions 3x3, one of stride 1 to M / 2 channels (at least 8) and then log2(patch) of stride
/// 2 to M, each with batch normalisation, ReLU and the gate (nn::SqueezeExcitation, nn::Cbam), then
/// a linear layer a token (Xiao et al. 2021, "Early convolutions help transformers see better").
/// Shapes as PatchStem; patch height and width are equal powers of two, otherwise ModelError.
class ConvStemImpl : public torch::nn::Cloneable<ConvStemImpl> {
 public:
  explicit ConvStemImpl(const StemOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& images);

  StemOptions options;
  torch::nn::Sequential convolutions{nullptr};
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(ConvStem);

}  // namespace heed
