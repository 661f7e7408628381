#include "tasks/heads/pixel_module.h"

#include <torch/nn/functional/upsampling.h>

#include "core/text.h"
#include "heed/core/error.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/linear.h"

namespace heed {

PixelModule::PixelModule(int64_t token_width, const TokenGrid& grid, const ImageShape& image,
                         int64_t classes, const PixelModuleOptions& options)
    : torch::nn::Module("PixelModule"),
      options_(options),
      grid_(grid),
      image_(image),
      classes_(classes) {
  if (options.decoder == PixelDecoder::queries) {
    make_queries(token_width);
    return;
  }
  int64_t outputs = classes;
  if (options.decoder == PixelDecoder::shuffle) {
    if (image.height % grid.rows != 0 || image.width % grid.columns != 0)
      throw ModelError(text_of("head.decoder: shuffle gives a token whole pixels, and ", grid.rows,
                               " x ", grid.columns, " tokens do not divide ", image.height, " x ",
                               image.width, "; choose linear"));
    outputs *= (image.height / grid.rows) * (image.width / grid.columns);
  }
  linear_ = register_module("linear", nn::small_linear(token_width, outputs));
}

void PixelModule::make_queries(int64_t width) {
  auto& blocks = options_.blocks;
  blocks.width = width;
  if (blocks.attention.position.name != "none")
    throw ModelError(
        "head.attention.position: tokens know their places from the encoder; expected "
        "none, given " +
        blocks.attention.position.name);
  if (width % blocks.attention.num_heads != 0)
    throw ModelError(text_of("head.attention.num_heads: expected a divisor of the tokens' width ",
                             width, ", given ", blocks.attention.num_heads));
  try {
    models::check_attention(blocks.attention, "attention", {.name = "images"});
  } catch (const ModelError& error) {
    constexpr size_t kOther = sizeof "encoder." - 1;  // which that check begins with
    throw ModelError("head." + std::string(error.what()).substr(kOther));
  }
  queries_ = models::embedding_table(*this, "queries", classes_, width);
  blocks_ = BlockStack(*this, blocks);
  patches_ = register_module("patches", nn::small_linear(width, width, false));
  class_vectors_ = register_module("classes", nn::small_linear(width, width, false));
  masks_ = register_module("masks", torch::nn::LayerNorm(torch::nn::LayerNormOptions({classes_})));
}

at::Tensor PixelModule::masks_of(const at::Tensor& tokens) {
  const int64_t B = tokens.size(0), L = tokens.size(1);
  auto x = torch::cat({tokens, queries_.unsqueeze(0).expand({B, -1, -1}).to(tokens.dtype())}, 1);
  x = blocks_.forward(x);
  const auto unit = [](const at::Tensor& of) {
    return at::div(of, of.norm(2, -1, true).clamp_min(1e-6));
  };
  const auto patches = unit(nn::affine(patches_, x.narrow(1, 0, L)));               // (B, L, M)
  const auto classes = unit(nn::affine(class_vectors_, x.narrow(1, L, classes_)));  // (B, K, M)
  return masks_->forward(patches.matmul(classes.transpose(1, 2)));                  // (B, L, K)
}

at::Tensor PixelModule::shuffled(const at::Tensor& z) const {
  const int64_t s = image_.height / grid_.rows, t = image_.width / grid_.columns;
  return z.reshape({z.size(0), grid_.rows, grid_.columns, classes_, s, t})
      .permute({0, 3, 1, 4, 2, 5})  // (B, K, r, s, c, t)
      .reshape({z.size(0), classes_, image_.height, image_.width});
}

at::Tensor PixelModule::forward(const Tokens& tokens) {
  const auto x = tokens.states.narrow(1, grid_.class_token, grid_.rows * grid_.columns);
  if (options_.decoder == PixelDecoder::shuffle)
    return shuffled(nn::affine(linear_, x)).to(at::kFloat);
  const auto z = (options_.decoder == PixelDecoder::queries ? masks_of(x) : nn::affine(linear_, x))
                     .to(at::kFloat)
                     .transpose(1, 2)
                     .reshape({x.size(0), classes_, grid_.rows, grid_.columns});
  if (grid_.rows == image_.height && grid_.columns == image_.width) return z;
  namespace F = torch::nn::functional;
  return F::interpolate(z, F::InterpolateFuncOptions()
                               .size(std::vector<int64_t>{image_.height, image_.width})
                               .mode(torch::kBilinear)
                               .align_corners(false));
}

}  // namespace heed
