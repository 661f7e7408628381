// How unlikely the errors of a forecast have become, row by row.
#pragma once

#include <cstdint>
#include <deque>

namespace heed {

/// Of each error e_t a score in 0 .. 1 from its tail probability (after Ahmad et al. 2017,
/// "Unsupervised real-time anomaly detection for streaming data"): with mean m and deviation s of
/// the last `window` errors, and r the mean of the last `recent`,
///
///   p = 1/2 erfc((r - m) / (s sqrt 2)),   score = log(p + 1e-50) / log(1e-50)
///
/// so 0.33 is some eight and a half deviations. 0 for the first kWarmUp errors, where r <= m or
/// s = 0, and within `rest` rows behind one that is at least as high, so that what goes on is told
/// once. Cost a row: O(window).
class ErrorTail {
 public:
  static constexpr int64_t kWarmUp = 50;
  ErrorTail(int64_t window, int64_t recent, int64_t rest)
      : window_(window), recent_(recent), rest_(rest) {}
  double add(double error);

 private:
  double tail_score() const;

  int64_t window_, recent_, rest_;
  std::deque<double> errors_;
  std::deque<double> scores_;  // of the last `rest` rows, before higher ones silenced them
};

}  // namespace heed
