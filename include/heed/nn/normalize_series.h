// Windows of a series on one scale, and back.
#pragma once

#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>

#include "heed/core/fields.h"

namespace heed::nn {

struct NormalizeSeriesOptions {
  TORCH_ARG(bool, affine) = true;  ///< a learned scale and shift a channel
  TORCH_ARG(double, eps) = 1e-5;

 public:
  template <class Visitor>
  void fields(Visitor&& v) {
    v("affine", affine(), "a learned scale and shift a channel");
    v("eps", eps(), "added to the variance", between(1e-12, 1e6));
  }
};

/// A window's own scale.
struct SeriesScale {
  at::Tensor mean, std;  ///< (B, C) float64, without gradient
};

/// Reversible instance normalisation (RevIN; Kim et al. 2022, "Reversible instance normalization
/// for accurate time-series forecasting against distribution shift"). Of a window x (B, C, T), with
/// the mean and variance (over T) of each channel:
///
///   normalize(x)    (x - mean) / sqrt(var + eps) * weight + bias     -> (B, C, T)
///   denormalize(y)  (y - bias) / weight * sqrt(var + eps) + mean     y any shape that has B first
///                                                                    and C at `channels`
///
/// weight (C) starts with ones, bias (C) with zeros; without `affine` there are none. Statistics
/// are taken in float64, so a constant window gives exactly bias, however large it is, and get no
/// gradient. As in the authors' program, weight + eps^2 stands for weight where it divides.
/// Throws ModelError for options out of range, UsageError for other shapes, T = 0, or a dtype that
/// is not floating.
class NormalizeSeriesImpl : public torch::nn::Cloneable<NormalizeSeriesImpl> {
 public:
  NormalizeSeriesImpl(int64_t channels, const NormalizeSeriesOptions& options = {});
  void reset() override;

  SeriesScale scale(const at::Tensor& x) const;
  at::Tensor normalize(const at::Tensor& x, const SeriesScale& scale) const;
  /// `channels`: the dimension of y that counts channels, from 1: 2 for (B, H, C) and (B, H, C, Q).
  at::Tensor denormalize(const at::Tensor& y, const SeriesScale& scale, int64_t channels) const;

  int64_t channels;  ///< C
  NormalizeSeriesOptions options;
  at::Tensor weight, bias;  ///< (C); undefined without affine
};
TORCH_MODULE(NormalizeSeries);

}  // namespace heed::nn
