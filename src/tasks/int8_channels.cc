#include "tasks/int8_channels.h"

#include <algorithm>
#include <cmath>

namespace heed {
namespace {

constexpr double kExponents[] = {0.3, 0.5, 0.65, 0.8};
constexpr int64_t kLeastRows = 8;
constexpr double kProducts = 1 << 27;  // of one product of the samples with a weight, about

/// Each row to the nearest of 255 steps.
at::Tensor in_255_steps(const at::Tensor& x) {
  const auto step = x.abs().amax(1, true).div(127).clamp_min(1e-30);
  return (x / step).round().mul(step);
}

double error_of(const at::Tensor& weight, const at::Tensor& x, const at::Tensor& exact) {
  return (in_255_steps(x).matmul(in_255_steps(weight).t()) - exact).square().sum().item<double>();
}

}  // namespace

Int8Fit int8_fit(const at::Tensor& weight, const at::Tensor& x) {
  if (!x.defined() || x.size(0) < kLeastRows) return {};
  const auto most = static_cast<int64_t>(kProducts / static_cast<double>(weight.numel()));
  const auto some = x.narrow(0, 0, std::clamp(most, kLeastRows, x.size(0)));
  const auto exact = some.matmul(weight.t());
  const auto of_x = x.abs().amax(0).clamp_min(1e-5), of_w = weight.abs().amax(0).clamp_min(1e-5);
  double least = error_of(weight, some, exact);
  const double enough = 0.9 * least;
  at::Tensor best;
  for (const double exponent : kExponents) {
    const auto c = (of_w.pow(1 - exponent) / of_x.pow(exponent)).clamp(1e-6, 1e6);
    const double error = error_of(weight / c, some * c, exact);
    if (error < enough && error < least) least = error, best = c;
  }
  const double all = exact.square().sum().item<double>();
  return {best, all > 0 ? std::sqrt(least / all) : 0};
}

}  // namespace heed
