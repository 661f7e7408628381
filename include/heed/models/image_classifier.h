// Images to classes: an image encoder, a pool and a linear head.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/models/image_encoder.h"
#include "heed/nn/attention_pooling.h"
#include "heed/nn/remade.h"

namespace heed {

enum class ImagePool { class_token, attention, mean };
constexpr std::array<const char*, 3> words(ImagePool) {
  return {"class_token", "attention", "mean"};
}

/// The [model] table of a recipe:
///   encoder = { stem = "conv", patch = 4, width = 64, layers = 6, attention = { num_heads = 4 } }
///   pool = "attention"
struct ImageClassifierOptions {
  TORCH_ARG(ImageEncoderOptions, encoder);
  TORCH_ARG(ImagePool, pool) = ImagePool::attention;

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("encoder", encoder(), "what turns an image into tokens");
    v("pool", pool(), "tokens to one vector; attention: by that of the encoder");
  }
};

/// images (B, C, h, w), floating -> logits (B, K): pool(encoder(images)) W + b. The pool is
///
///   class_token  the first token, which encoder.class_token must be
///   attention    nn::AttentionPooling of the tokens by the encoder's attention
///   mean         the mean of the tokens
///
/// W from a normal of 0.02 cut at two deviations, b zero. Throws ModelError that names the field
/// where the options do not fit each other or the images, UsageError for images of another shape
/// or dtype.
class ImageClassifierImpl : public nn::Remade<ImageClassifierImpl> {
 public:
  ImageClassifierImpl(const ImageClassifierOptions& options, const ImageShape& shape,
                      int64_t classes);
  at::Tensor forward(const at::Tensor& images);
  std::shared_ptr<ImageClassifierImpl> remade() const {
    return std::make_shared<ImageClassifierImpl>(options, shape, classes);
  }

  /// Where the tokens of the maps lie on the image.
  TokenGrid grid() const { return encoder->grid(); }

  ImageClassifierOptions options;
  ImageShape shape;
  int64_t classes;
  ImageEncoder encoder{nullptr};
  nn::AttentionPooling pool{nullptr};  ///< of attention only
  torch::nn::Linear head{nullptr};
};
TORCH_MODULE(ImageClassifier);

}  // namespace heed
