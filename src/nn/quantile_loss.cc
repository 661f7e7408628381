#include "heed/nn/quantile_loss.h"

#include "core/text.h"

namespace heed::nn {
namespace {

void check_forecasts(const at::Tensor& forecasts, const at::Tensor& values,
                     const std::vector<double>& quantiles, const at::Tensor& observed) {
  const auto given = [](const at::Tensor& t) {
    return t.defined() ? text_of(t.sizes(), " of ", t.dtype()) : "no tensor";
  };
  const auto refuse = [](const std::string& what) { throw UsageError("quantile_loss: " + what); };
  if (quantiles.empty()) refuse("quantiles: expected at least one");
  for (size_t i = 0; i < quantiles.size(); ++i)
    if (!(quantiles[i] > (i == 0 ? 0 : quantiles[i - 1]) && quantiles[i] < 1))
      refuse(text_of("quantiles: expected rising numbers between 0 and 1, given ", quantiles[i],
                     " as number ", i + 1));
  if (!forecasts.defined() || forecasts.dim() != 4 || !forecasts.is_floating_point() ||
      forecasts.size(3) != static_cast<int64_t>(quantiles.size()))
    refuse(text_of("forecasts: expected floating (B, H, C, Q = ", quantiles.size(), "), given ",
                   given(forecasts)));
  const auto shape = forecasts.sizes().slice(0, 3);
  if (!values.defined() || values.sizes() != shape ||
      values.scalar_type() != forecasts.scalar_type())
    refuse(text_of("values: expected shape (B, H, C) = ", shape, " of ", forecasts.dtype(),
                   ", given ", given(values)));
  if (observed.defined() && (observed.sizes() != shape || observed.scalar_type() != at::kBool))
    refuse(text_of("observed: expected shape (B, H, C) = ", shape, " of bool, given ",
                   given(observed)));
}

}  // namespace

at::Tensor quantile_loss(const at::Tensor& forecasts, const at::Tensor& values,
                         const std::vector<double>& quantiles, const at::Tensor& observed) {
  check_forecasts(forecasts, values, quantiles, observed);
  const auto q = at::tensor(quantiles, at::kDouble).to(forecasts.options());
  auto error = values.unsqueeze(3) - forecasts;  // (B, H, C, Q)
  if (observed.defined()) error = error.masked_fill(observed.logical_not().unsqueeze(3), 0);
  const auto loss = q * at::relu(error) + (1 - q) * at::relu(-error);
  const auto count =
      observed.defined() ? observed.sum() : at::scalar_tensor(values.numel(), at::kLong);
  return loss.sum() / (count.clamp_min(1) * static_cast<int64_t>(quantiles.size())).to(q.options());
}

at::Tensor ordered_quantiles(const at::Tensor& x) {
  if (!x.defined() || x.dim() < 1 || x.size(-1) < 1 || !x.is_floating_point())
    throw UsageError(
        text_of("ordered_quantiles: x: expected floating (..., Q), Q at least 1, given ",
                x.defined() ? text_of(x.sizes(), " of ", x.dtype()) : "no tensor"));
  const int64_t Q = x.size(-1), m = Q / 2;
  const auto middle = x.narrow(-1, m, 1);
  const auto below = at::softplus(x.narrow(-1, 0, m)).flip(-1).cumsum(-1).flip(-1);
  const auto above = at::softplus(x.narrow(-1, m + 1, Q - m - 1)).cumsum(-1);
  return at::cat({middle - below, middle, middle + above}, -1);
}

}  // namespace heed::nn
