// Normalisation of each token's channels.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "heed/nn/choices.h"

namespace heed::nn {

struct RowNormOptions {
  /* implicit */ RowNormOptions(int64_t width) : width_(width) {}
  TORCH_ARG(int64_t, width);  ///< M
  TORCH_ARG(NormType, type) = NormType::layer;
  TORCH_ARG(double, eps) = 1e-5;
  TORCH_ARG(bool, bias) = true;  ///< whether b is there; rms has none
};

/// Each row of x (..., M) by itself:
///
///   layer  y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + b      (Ba et al. 2016)
///   rms    y = x / sqrt(mean(x^2) + eps) * w                  (Zhang & Sennrich 2019; heed::rms_norm)
///
/// Under autocast in the dtype of w. Parameters: weight w (M), one at first, [bias b (M)], zero.
/// Throws ModelError unless M >= 1 and eps >= 0, UsageError for rows of another width. Cost: without
/// a gradient three passes over a row in the cache.
class RowNormImpl : public torch::nn::Cloneable<RowNormImpl> {
 public:
  explicit RowNormImpl(const RowNormOptions& options);
  void reset() override;
  void pretty_print(std::ostream& stream) const override;  ///< RMSNorm or LayerNorm
  at::Tensor forward(const at::Tensor& x);

  RowNormOptions options;
  at::Tensor weight, bias;  ///< bias: undefined where there is none
};
TORCH_MODULE(RowNorm);

}  // namespace heed::nn
