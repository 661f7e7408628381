#include "train/schedule.h"

#include <cmath>
#include <numbers>
#include <sstream>

#include "heed/core/error.h"

namespace heed {

void TrainOptions::check() const {
  if (average_checkpoints == 1)
    throw ModelError("train.average_checkpoints: expected at least 2, or 0 for none, given 1");
  if (schedule.min_lr <= optimizer.lr) return;
  std::ostringstream message;
  message << "train.schedule.min_lr: expected at most train.optimizer.lr = " << optimizer.lr
          << ", given " << schedule.min_lr;
  throw ModelError(message.str());
}

double schedule_factor(const ScheduleOptions& options, double lr, int64_t step, int64_t steps) {
  const double done = static_cast<double>(step) + 1, warmup = static_cast<double>(options.warmup);
  if (done < warmup) return done / warmup;
  if (options.kind == ScheduleKind::inverse_sqrt) return std::sqrt(warmup / done);
  if (options.kind == ScheduleKind::cosine) {
    const double length = std::max(1.0, static_cast<double>(steps) - warmup);
    const double share = std::clamp((static_cast<double>(step) - warmup) / length, 0.0, 1.0);
    const double least = options.min_lr / lr;
    return least + (1 - least) * (1 + std::cos(std::numbers::pi * share)) / 2;
  }
  return 1;
}

}  // namespace heed
