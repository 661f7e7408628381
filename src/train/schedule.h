// The learning rate over time.
#pragma once

#include "heed/train/options.h"

namespace heed {

/// The factor of the learning rate at `step` (from 0) of `steps`: a linear rise over `warmup`
/// steps, then 1, the cosine 1 -> floor (Loshchilov & Hutter 2017), or sqrt(warmup / step) (Vaswani
/// et al. 2017). Plateau's own factor comes from PlateauState.
double schedule_factor(const ScheduleOptions& options, int64_t step, int64_t steps);

/// Follows the validation figure: counts epochs without a better one.
struct Patience {
  int64_t waited = 0;
  /// Whether `limit` epochs in a row were no better; then counts anew.
  bool over(bool better, int64_t limit) {
    waited = better ? 0 : waited + 1;
    const bool is_over = waited >= limit;
    if (is_over) waited = 0;
    return is_over;
  }
};

}  // namespace heed
