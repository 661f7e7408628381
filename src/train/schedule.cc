#include "train/schedule.h"

#include <cmath>
#include <numbers>

namespace heed {

double schedule_factor(const ScheduleOptions& options, int64_t step, int64_t steps) {
  const double done = static_cast<double>(step) + 1, warmup = static_cast<double>(options.warmup);
  if (done < warmup) return done / warmup;
  if (options.kind == "inverse_sqrt") return std::sqrt(warmup / done);
  if (options.kind == "cosine") {
    const double length = std::max(1.0, static_cast<double>(steps) - warmup);
    const double share = std::clamp((done - warmup) / length, 0.0, 1.0);
    return options.floor + (1 - options.floor) * (1 + std::cos(std::numbers::pi * share)) / 2;
  }
  return 1;
}

}  // namespace heed
