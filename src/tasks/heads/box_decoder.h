// From tokens on a grid to boxes with a class and a score.
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "heed/metrics/detection.h"
#include "heed/models/encoder.h"
#include "tasks/heads/box_options.h"

namespace heed {

/// What a decoder is made for.
struct BoxDecoderSizes {
  int64_t width;                      ///< M of the encoder's tokens
  int64_t kinds;                      ///< K
  int64_t image_height, image_width;  ///< of the batch's images, in pixels
  double side = 0;                    ///< of a usual object, in pixels of these; 0: not known
};

/// The objects of a batch.
struct BoxTargets {
  at::Tensor images;  ///< (N) int64: the row of the batch
  at::Tensor kinds;   ///< (N) int64
  at::Tensor crowd;   ///< (N) bool
  at::Tensor boxes;   ///< (N, 4) float32, in pixels of the batch's images
};

/// A box and the token or the query that says it.
struct SaidBox : FoundBox {
  int64_t place;
};

class BoxDecoder : public torch::nn::Module {
 public:
  /// What the last layers say of the tokens: decode() and loss() read it.
  virtual at::Tensor forward(const Tokens& tokens) = 0;
  /// A scalar with gradient; `tokens` lie on a grid.
  virtual at::Tensor loss(const Tokens& tokens, const BoxTargets& targets) = 0;
  /// Of each image the boxes with scores above `threshold`, best first, at most `most`; in pixels of the batch's image.
  virtual std::vector<std::vector<SaidBox>> decode(const at::Tensor& output, double threshold,
                                                   int64_t most) const = 0;
  /// Of classes, (B, places, K); forward() begins with their logits.
  virtual at::Tensor probabilities(const at::Tensor& output) const = 0;
};

std::shared_ptr<BoxDecoder> make_dense_boxes(const BoxDecoderSizes& sizes,
                                             const DenseBoxOptions& options);
std::shared_ptr<BoxDecoder> make_query_boxes(const BoxDecoderSizes& sizes,
                                             const QueryBoxOptions& options);

/// The tokens of an image without a class token, row by row: (B, rows columns, M). Throws ModelError where tokens lie on no grid.
at::Tensor tokens_on_grid(const Tokens& tokens);

/// Rows of `targets` of one image.
BoxTargets of_image(const BoxTargets& targets, int64_t image);

}  // namespace heed
