#include "heed/models/series_encoder.h"

#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/linear.h"
#include "nn/probed.h"

namespace heed {
namespace {

using models::Dtype, models::taken;

constexpr double kLeastVariance = 1e-5;

struct Normalised {
  at::Tensor x, mean, std;  ///< (B, C, T), (B, C), (B, C)
};

/// Over what is observed, in float64 without gradient. Missing values are 0 before and after.
Normalised normalised(const at::Tensor& x, const at::Tensor& observed) {
  const auto all = x.detach().to(at::kDouble);
  const auto count = observed.sum(2, /*keepdim=*/true).clamp_min(1).to(at::kDouble);  // (B, C, 1)
  const auto mean = all.sum(2, true) / count;
  const auto variance = ((all - mean) * observed).square().sum(2, true) / count;
  const auto std = (variance + kLeastVariance).sqrt();
  const auto y = (x.to(at::kDouble) - mean) * observed / std;
  return {y.to(x.dtype()), mean.squeeze(2), std.squeeze(2)};
}

/// (..., T) -> (..., L, patch), the last value repeated `stride` times at the end.
at::Tensor patches_of(const at::Tensor& x, int64_t patch, int64_t stride) {
  auto shape = x.sizes().vec();
  shape.back() = stride;
  const auto last = x.narrow(-1, x.size(-1) - 1, 1).expand(shape);
  return torch::cat({x, last}, -1).unfold(-1, patch, stride);
}

}  // namespace

SeriesEncoderImpl::SeriesEncoderImpl(const SeriesEncoderOptions& given, const SeriesShape& shape)
    : options(given), shape(shape) {
  check();
  const int64_t M = options.width, K = shape.known;
  const bool gaps = shape.observed || (patches() && shape.future > 0);
  const int64_t steps = patches() ? options.patch : shape.past;
  value = register_module("value", nn::xavier_linear(gaps ? 2 * steps : steps, M));
  if (K > 0)
    known = register_module(
        "known", nn::xavier_linear(patches() ? K * options.patch : shape.past + shape.future, M));
  const auto places = grid();
  position = models::additive_position(*this, "position", options.attention.position, M,
                                       patches() ? places.columns : places.rows);
  blocks = BlockStack(*this, options);
}

void SeriesEncoderImpl::check() const {
  models::check_fields(options);
  models::check_blocks(options, {.name = "series"});
  const auto at_least_one = [](const char* name, int64_t given) {
    if (given < 1) throw ModelError(text_of(name, ": expected at least 1, given ", given));
  };
  at_least_one("channels", shape.channels), at_least_one("past", shape.past);
  if (shape.known < 0 || shape.future < 0 || (shape.known == 0 && shape.future > 0))
    throw ModelError(text_of("known, future: expected at least 0, and future 0 without known, ",
                             "given ", shape.known, " and ", shape.future));
  if (patches() && options.patch > shape.past + shape.future)
    throw ModelError(text_of("encoder.patch: expected at most the window's steps = ",
                             shape.past + shape.future, ", given ", options.patch));
}

TokenGrid SeriesEncoderImpl::grid() const {
  if (!patches()) return {.rows = shape.channels + shape.known, .columns = 1};
  const int64_t steps = shape.past + shape.future;
  return {.rows = shape.channels, .columns = (steps - options.patch) / options.stride + 2};
}

/// (B, K, T + H), or undefined where nothing is known ahead.
at::Tensor SeriesEncoderImpl::known_of(const Batch& batch, int64_t B) const {
  const int64_t K = shape.known;
  if (K == 0) return {};
  const auto& past =
      taken(batch, "past_known", {{"B", B}, {"K", K}, {"T", shape.past}}, Dtype::floating);
  if (shape.future == 0) return past;
  const auto& future =
      taken(batch, "future_known", {{"B", B}, {"K", K}, {"H", shape.future}}, Dtype::floating);
  return torch::cat({past, future}, 2);
}

/// values (B, 1 or 2, C, T): what was seen and, second, where. -> (B C, L, M)
at::Tensor SeriesEncoderImpl::of_patches(const at::Tensor& values, const at::Tensor& known_values) {
  const auto future = at::constant_pad_nd(values, {0, shape.future});
  const auto cut = patches_of(future, options.patch, options.stride);  // (B, 1 or 2, C, L, P)
  const auto x = nn::affine(value, cut.permute({0, 2, 3, 1, 4}).flatten(3));  // (B, C, L, M)
  if (!known) return x.flatten(0, 1);
  const auto ahead = patches_of(known_values, options.patch, options.stride);  // (B, K, L, P)
  const auto y = nn::affine(known, ahead.transpose(1, 2).flatten(2));          // (B, L, M)
  return (x + y.unsqueeze(1)).flatten(0, 1);
}

/// -> (B, C + K, M)
at::Tensor SeriesEncoderImpl::of_variates(const at::Tensor& values,
                                          const at::Tensor& known_values) {
  const auto x = nn::affine(value, values.transpose(1, 2).flatten(2));  // (B, C, M)
  return known ? torch::cat({x, nn::affine(known, known_values)}, 1) : x;
}

Tokens SeriesEncoderImpl::forward(const Batch& batch) {
  const std::vector<models::Axis> axes = {{"B"}, {"C", shape.channels}, {"T", shape.past}};
  auto x = taken(batch, "past", axes, Dtype::floating);
  const int64_t B = x.size(0);
  auto observed = torch::ones({1, 1, 1}, x.options().requires_grad(false)).expand_as(x);
  if (shape.observed) {
    const auto& given = taken(batch, "observed", axes, Dtype::boolean);
    if (given.size(0) != B)
      throw UsageError(text_of("encoder: observed: expected B = ", B, ", given ", given.size(0)));
    x = x.masked_fill(given.logical_not(), 0), observed = given.to(x.dtype());
  } else if (batch.has("observed")) {
    throw UsageError("encoder: observed: the encoder was made for series without missing values");
  }
  Tokens out;
  if (options.normalize) {
    const auto window = normalised(x, observed);
    x = window.x, out.extra = {{"mean", window.mean}, {"std", window.std}};
  }
  const bool gaps = shape.observed || (patches() && shape.future > 0);
  const auto values = gaps ? torch::stack({x, observed}, 1) : x.unsqueeze(1);
  const auto known_values = known_of(batch, B);
  auto tokens = nn::embedded(patches() ? of_patches(values, known_values)
                                       : of_variates(values, known_values));
  if (position) tokens = position->forward(tokens);
  tokens = heed::dropout(tokens, options.dropout, is_training());
  out.grid = grid();
  out.states = blocks.forward(tokens).view({B, out.grid->tokens(), options.width});
  return out;
}

}  // namespace heed
