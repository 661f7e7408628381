// What forecasts are worth.
#pragma once

#include <array>
#include <functional>

#include "heed/tasks/head.h"

namespace heed {

enum class ForecastLoss { mse, mae, quantile };
constexpr std::array<const char*, 3> words(ForecastLoss) { return {"mse", "mae", "quantile"}; }

struct ForecastScale {
  std::vector<std::string> columns;  ///< C
  std::vector<double>
      naive;  ///< C: mean |x_t - x_{t-m}| of the training rows, on the batch's scale
};

struct ForecastRules {
  std::vector<double> quantiles;  ///< empty: a point
  ForecastLoss loss = ForecastLoss::mse;
  int64_t period = 1;
};

/// MSE, MAE, MASE (Hyndman & Koehler 2006; the mean over columns), of quantiles also the pinball
/// loss of each and the coverage of the outer ones; beside them the last value and, with a period,
/// the seasonal naive forecast. All on the scale of the batches; means over all values of all
/// windows. `output`: (B, C, H, Q).
std::unique_ptr<Scorer> make_forecast_scorer(
    const ForecastScale& scale, const ForecastRules& rules,
    std::function<at::Tensor(const Tokens&, const Batch&)> output);

}  // namespace heed
