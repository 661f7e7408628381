// The small values that a run must remember to go on with the same bits.
#pragma once

#include <cstdint>
#include <string>

#include "heed/data/loader.h"
#include "heed/train/task.h"
#include "train/schedule.h"

namespace heed {

/// A mean that is being collected.
struct Mean {
  double sum = 0;
  int64_t count = 0;
  void add_sum(double of_all, int64_t n) { sum += of_all, count += n; }
  double value() const { return count ? sum / static_cast<double>(count) : 0; }
};

struct LoopState {
  int64_t step = 0;   ///< updates done
  int64_t epoch = 0;  ///< epochs done
  bool finished = false;
  data::Cursor cursor;
  Mean epoch_loss, log_loss;  ///< since the epoch's start; since the last line of the log
  double plateau = 1;         ///< factor of the learning rate
  Patience plateau_patience, stop_patience;
  int64_t best_epoch = 0;  ///< counted from 1; 0: none
  double best_loss = 0;    ///< of training, in that epoch
  Metrics best;

  std::string to_json() const;
  /// Throws ModelError (`file` names it) for what is missing or of a wrong type.
  static LoopState from_json(const std::string& text, const std::string& file);
};

}  // namespace heed
