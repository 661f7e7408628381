// The learning rate over time.
#pragma once

#include "heed/train/options.h"

namespace heed {

/// The factor of `lr` at `step` (from 0) of `steps`. With w = warmup, for step < w
///
///   (step + 1) / w
///
/// and from then on
///
///   constant, plateau   1                                    (plateau's own factor: Patience)
///   inverse_sqrt        sqrt(w / (step + 1))                                (Vaswani et al. 2017)
///   cosine              m + (1 - m) (1 + cos(pi (step - w) / (steps - w))) / 2, m = min_lr / lr
///                                                                  (Loshchilov & Hutter 2017)
///
/// The cosine reaches min_lr at step number `steps`, which is not taken: the last step still
/// learns.
double schedule_factor(const ScheduleOptions& options, double lr, int64_t step, int64_t steps);

/// Follows the validation metric: counts epochs without a better one.
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
