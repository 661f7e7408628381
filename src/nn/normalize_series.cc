#include "heed/nn/normalize_series.h"

#include "core/text.h"

namespace heed::nn {
namespace {

/// Numbers of channels (.., C), at dimension `at` of a tensor of `dims`.
at::Tensor along(const at::Tensor& t, int64_t at, int64_t dims) {
  std::vector<int64_t> shape(static_cast<size_t>(dims), 1);
  if (t.dim() == 2) shape[0] = t.size(0);
  shape[static_cast<size_t>(at)] = t.size(-1);
  return t.view(shape);
}

}  // namespace

NormalizeSeriesImpl::NormalizeSeriesImpl(int64_t channels, const NormalizeSeriesOptions& options)
    : channels(channels), options(options) {
  reset();
}

void NormalizeSeriesImpl::reset() {
  if (channels < 1) throw ModelError(text_of("channels: expected at least 1, given ", channels));
  if (!(options.eps() > 0) || !std::isfinite(options.eps()))
    throw ModelError(text_of("eps: expected above 0, given ", options.eps()));
  if (!options.affine()) return;
  weight = register_parameter("weight", torch::ones({channels}));
  bias = register_parameter("bias", torch::zeros({channels}));
}

SeriesScale NormalizeSeriesImpl::scale(const at::Tensor& x) const {
  if (!x.defined() || x.dim() != 3 || x.size(1) != channels || x.size(2) < 1 ||
      !x.is_floating_point())
    throw UsageError(text_of("normalize_series: x: expected floating (B, C = ", channels,
                             ", T) with T of at least 1, given ",
                             x.defined() ? text_of(x.sizes(), " of ", x.dtype()) : "no tensor"));
  const torch::NoGradGuard no_gradient;
  const auto wide = x.to(at::kDouble);
  // About the first value, so that a constant has a mean of itself to the bit.
  const auto first = wide.select(2, 0);  // (B, C)
  const auto mean = (wide - first.unsqueeze(2)).mean(2) + first;
  const auto variance = (wide - mean.unsqueeze(2)).square().mean(2);
  return {mean, (variance + options.eps()).sqrt()};
}

at::Tensor NormalizeSeriesImpl::normalize(const at::Tensor& x, const SeriesScale& scale) const {
  auto y = ((x.to(at::kDouble) - scale.mean.unsqueeze(2)) / scale.std.unsqueeze(2)).to(x.dtype());
  if (options.affine()) y = y * weight.unsqueeze(1) + bias.unsqueeze(1);
  return y;
}

at::Tensor NormalizeSeriesImpl::denormalize(const at::Tensor& y, const SeriesScale& scale,
                                            int64_t at) const {
  if (!y.defined() || at < 1 || at >= y.dim() || y.size(at) != channels ||
      y.size(0) != scale.mean.size(0) || !y.is_floating_point())
    throw UsageError(
        text_of("normalize_series: y: expected floating numbers with B = ", scale.mean.size(0),
                " first and C = ", channels, " at dimension ", at, ", given ",
                y.defined() ? text_of(y.sizes(), " of ", y.dtype()) : "no tensor"));
  auto x = y;
  if (options.affine()) {
    const double least = options.eps() * options.eps();
    x = (x - along(bias, at, y.dim())) / (along(weight, at, y.dim()) + least);
  }
  return (x.to(at::kDouble) * along(scale.std, at, y.dim()) + along(scale.mean, at, y.dim()))
      .to(y.dtype());
}

}  // namespace heed::nn
