// How likely a model that draws images finds given ones.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "heed/tasks/head.h"
#include "tasks/heads/image_patches.h"

namespace heed {

/// How often each pixel of training had each level.
class LevelCounts {
 public:
  LevelCounts() = default;
  explicit LevelCounts(int64_t levels) : levels_(levels) {}
  /// Adds an image; of stochastic levels those that are expected.
  void add(const data::Image& image, Quantize quantize);
  /// -log p of levels (C, h, w) by pixels that know nothing of each other, each count one more, in nats.
  double nats(const at::Tensor& levels) const;

  std::string file() const;  ///< JSON
  /// Throws ModelError where it has not that many numbers.
  static LevelCounts from_file(const Files& files, const std::string& name, int64_t levels);
  /// Throws ModelError where it was counted on images of another shape.
  void check(const ImageShape& shape, const std::string& file) const;

 private:
  int64_t levels_ = 2;
  double images_ = 0;
  std::vector<double> counts_;  // (C h w, L)
};

/// Nats with four digits behind the point.
std::string nats_text(double nats);

/// Of a batch's images: their levels (B, C, h, w), and log p of each token (B, N) by the model.
struct ImageLikelihoods {
  at::Tensor levels, log_probabilities;
};
using ImageLikelihoodsOf = std::function<ImageLikelihoods(const Batch&)>;

/// nats_per_image: the mean of -log p. bits_per_dimension: the same over C h w log 2. loss: nats a token. The baseline
/// draws each pixel by itself. A line an example: its nats.
std::unique_ptr<Scorer> make_image_scorer(ImageLikelihoodsOf likelihoods, const LevelCounts& counts,
                                          int64_t examples, bool quick);

}  // namespace heed
