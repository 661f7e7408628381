// Images to classes: an image encoder and a linear head.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"
#include "heed/models/image_encoder.h"
#include "heed/ops/attention.h"

namespace heed {

/// The [model] table of a recipe:
///   encoder = { kind = "image", stem = "conv", patch = 4, width = 64, layers = 6 }
///   attention = { score = "scaled_dot", position = "learned", num_heads = 4 }
struct ImageClassifierOptions {
  TORCH_ARG(ImageEncoderOptions, encoder);
  TORCH_ARG(Attention, attention);

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("encoder", encoder(), "what turns an image into a vector");
    v("attention", attention(), "the attention of every block and of the pool");
  }
};

/// images (B, C, h, w), floating -> logits (B, K): encoder(images) W + b. W from a normal of 0.02
/// cut at two deviations, b zero. Throws ModelError that names the field where the options do not
/// fit each other or the images, UsageError for images of another shape or dtype.
class ImageClassifierImpl : public torch::nn::Cloneable<ImageClassifierImpl> {
 public:
  ImageClassifierImpl(const ImageClassifierOptions& options, const ImageShape& shape,
                      int64_t classes);
  void reset() override;
  at::Tensor forward(const at::Tensor& images);

  /// Where the tokens of the maps lie on the image.
  TokenGrid grid() const { return encoder->grid(); }

  ImageClassifierOptions options;
  ImageShape shape;
  int64_t classes;
  ImageEncoder encoder{nullptr};
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(ImageClassifier);

}  // namespace heed
