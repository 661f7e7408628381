// Images as sequences of tokens: a token is a patch of pixels that have a few levels each.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/core/image_shape.h"
#include "heed/data/image.h"
#include "heed/tasks/input.h"

namespace heed {

/// What becomes of a value v of 0 .. 255 that lies between two of L levels, v (L - 1) / 255.
enum class Quantize {
  nearest,  ///< the nearest level; of 2 levels: 1 from 128 on
  stochastic,  ///< one of the two beside it, drawn so that their mean is v; of 2 levels 1 with probability v / 255
};
constexpr std::array<const char*, 2> words(Quantize) { return {"nearest", "stochastic"}; }

struct PatchOptions {
  int64_t levels = 256;
  Quantize quantize = Quantize::nearest;
  std::vector<int64_t> patch = {1, 1};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("levels", levels, "values of a pixel of a channel", between(2, 256));
    v("quantize", quantize,
      "how a value becomes a level. nearest; stochastic: one of the two beside it, the nearer the "
      "likelier (2 levels: 1 with probability value / 255), anew in each epoch of training, and "
      "the "
      "same ones whenever a model is measured");
    v("patch", patch,
      "[height, width] in pixels of what one token stands for; there are levels ^ (height width "
      "channels) tokens, at most 4096. [1, 1] with too many levels: a token a channel",
      between(1, 64));
  }
  void check() const;
};

/// Between images of one shape and tokens. Patches go row by row; the first pixel of a patch counts least, channels of a
/// pixel beside each other.
class ImagePatches {
 public:
  ImagePatches() = default;
  /// Throws ModelError that names the key: a patch that does not divide the image, too many tokens.
  ImagePatches(const PatchOptions& options, const ImageShape& shape);

  int64_t count() const { return rows_ * columns_ * parts_; }  ///< N, tokens of an image
  int64_t vocabulary() const { return vocabulary_; }           ///< V, different tokens
  int64_t row() const { return columns_ * parts_; }            ///< tokens of a row of patches
  const ImageShape& shape() const { return shape_; }

  /// levels (B, C, h, w) int64 of 0 .. L - 1 -> tokens (B, N) int64, and back.
  at::Tensor tokens(const at::Tensor& levels) const;
  at::Tensor levels(const at::Tensor& tokens) const;
  /// "3,5" or, a token a channel, "3,5 red": row and column, from 1.
  std::string name(int64_t token) const;
  /// One image's levels (C, h, w) as values 0 .. 255.
  data::Image image(const at::Tensor& levels) const;

 private:
  ImageShape shape_;
  int64_t levels_ = 2, height_ = 1, width_ = 1, rows_ = 0, columns_ = 0, parts_ = 1;
  int64_t vocabulary_ = 0;
  at::Tensor powers_;  // (k) int64: what a level of each pixel of a token counts
};

/// Values 0 .. 255 (B, C, h, w) of examples as levels (B, C, h, w) int64, those that are drawn by `draw`: each example has
/// random numbers of its own.
at::Tensor quantized(const PatchOptions& options, const at::Tensor& values,
                     const at::Tensor& examples, const Draw& draw);

/// The values 0 .. 255 of pixels that were normalised.
at::Tensor values_of(const at::Tensor& pixels, const NormalizedPixels& normalized);

}  // namespace heed
