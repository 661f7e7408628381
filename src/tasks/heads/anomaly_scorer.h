// What anomaly scores are worth: the score of the Numenta Anomaly Benchmark.
#pragma once

#include <functional>

#include "heed/tasks/head.h"
#include "tasks/inputs/series_split.h"

namespace heed {

/// Errors of B rows: of the model, and of the last value as a forecast.
struct RowErrors {
  at::Tensor loss, naive_loss;    ///< (): means, see the head
  at::Tensor error, naive_error;  ///< (B) double; NaN: nothing was observed
};

struct AnomalyRules {
  int64_t window = 0, recent = 0, rest = 0;
  double threshold = 0;
  std::string labels;
};

/// Rows with fewer than look_back before them score 0, and their errors do not count. `quick`: the
/// loss alone. With labels (NAB's combined_windows.json, whose names end the series' names) the
/// score of each of NAB's profiles at the best threshold, as NAB's program finds it, and the
/// standard one at `threshold`; the same of the last value as a forecast as baseline.
std::unique_ptr<Scorer> make_anomaly_scorer(
    std::shared_ptr<const SeriesSplit> split, const AnomalyRules& rules, bool quick,
    std::function<RowErrors(const Tokens&, const Batch&)> errors);

}  // namespace heed
