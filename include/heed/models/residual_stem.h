// A small residual network before the blocks: for images with more pixels than a patch can be told apart by.
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "heed/models/image_stem.h"

namespace heed {

/// log2(patch) stages, each a convolution 3x3 of stride 2 and, but for the first, a residual pair of convolutions 3x3 (He et al.
/// 2016):
///
///   x = relu(norm(halve(x))),   x = relu(x + norm(second(relu(norm(first(x))))))
///
/// with batch normalisation; stage i of n has M / 2^(n - i) channels, at least 8, the last M. Then a linear layer a token. Shapes as
/// ConvStem: (B, C, h, w) -> (B, L, M); patch height and width are equal powers of two from 2, otherwise ModelError.
/// Parameters: stages.I.{halve, halve_norm, [first, first_norm, second, second_norm]}.*, linear.*.
/// Cost: some 22.5 M^2 (log2(patch) - 1) / patch^2 products a pixel.
class ResidualStemImpl : public torch::nn::Cloneable<ResidualStemImpl> {
 public:
  explicit ResidualStemImpl(const StemOptions& options);
  void reset() override;
  at::Tensor forward(const at::Tensor& images);

  StemOptions options;
  torch::nn::ModuleList stages{nullptr};
  torch::nn::Linear linear{nullptr};
};
TORCH_MODULE(ResidualStem);

}  // namespace heed
