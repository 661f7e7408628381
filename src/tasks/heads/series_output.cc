#include "tasks/heads/series_output.h"

#include "heed/core/error.h"
#include "heed/models/series_encoder.h"
#include "heed/nn/quantile_loss.h"
#include "nn/linear.h"

namespace heed {

SeriesOutput::SeriesOutput(const EncoderPtr& encoder, int64_t horizon, int64_t quantiles,
                           double dropout_rate, const std::string& who)
    : horizon_(horizon), quantiles_(quantiles) {
  const auto series = std::dynamic_pointer_cast<SeriesEncoderImpl>(encoder);
  if (!series)
    throw ModelError(who + " reads tokens of channels; choose encoder.kind = \"series\"");
  channels_ = series->shape.channels;
  dropout = register_module("dropout", torch::nn::Dropout(dropout_rate));
  linear = register_module(
      "linear", nn::xavier_linear(series->grid().columns * series->width(), horizon * quantiles));
}

at::Tensor SeriesOutput::forward(const Tokens& tokens) {
  const int64_t B = tokens.states.size(0), M = tokens.states.size(2);
  const int64_t columns = tokens.grid->columns;
  // Behind the channels' tokens stand those of series that are known ahead.
  auto x = tokens.states.narrow(1, 0, channels_ * columns);
  x = x.reshape({B, channels_, columns * M});  // (B, C, L M)
  x = nn::affine(linear, dropout->forward(x)).to(at::kFloat);
  auto y = nn::ordered_quantiles(x.view({B, channels_, horizon_, quantiles_}));
  if (!tokens.extra.contains("std")) return y;
  const auto of_window = [&](const char* name) {
    return tokens.extra.at(name).to(at::kFloat).view({B, channels_, 1, 1});
  };
  return y * of_window("std") + of_window("mean");
}

at::Tensor last_values(const Batch& batch) {
  const auto& past = batch.at("past");
  const int64_t T = past.size(2);
  if (!batch.has("observed")) return past.narrow(2, T - 1, 1);
  const auto places = at::arange(T, at::kLong).expand_as(past);
  const auto last = places.masked_fill(batch.at("observed").logical_not(), 0).amax(2, true);
  return past.gather(2, last);
}

at::Tensor seasonal_values(const Batch& batch, int64_t period, int64_t horizon) {
  const auto& past = batch.at("past");
  const auto places = at::arange(horizon, at::kLong).remainder(period) + past.size(2) - period;
  const auto values = past.index_select(2, places);
  if (!batch.has("observed")) return values;
  return at::where(batch.at("observed").index_select(2, places), values,
                   last_values(batch).expand_as(values));
}

}  // namespace heed
