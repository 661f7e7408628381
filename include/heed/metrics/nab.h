// The score of the Numenta Anomaly Benchmark: early detections within windows of anomalies gain,
// false ones cost (Lavin & Ahmad 2015, "Evaluating real-time anomaly detection algorithms").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace heed {

/// What a detected window, a false detection and a missed window weigh.
struct NabProfile {
  std::string name = "standard";
  double true_positive = 1, false_positive = 0.11, false_negative = 1;
};

/// standard (1, 0.11, 1), reward_low_FP_rate (1, 0.22, 1), reward_low_FN_rate (1, 0.11, 2), as
/// NAB's config/profiles.json.
const std::vector<NabProfile>& nab_profiles();
/// Throws UsageError for another name.
const NabProfile& nab_profile(const std::string& name);

/// A threshold that no score may reach: there nothing is detected.
inline constexpr double kNabNothing = 1.1;

/// One time series: a finite anomaly score below kNabNothing per row (NAB asks for 0 .. 1, which its
/// own detector expose leaves a little), and the windows of its anomalies, first and last row of
/// each, in order, without overlap.
struct NabSeries {
  std::vector<double> scores;
  std::vector<std::pair<int64_t, int64_t>> windows;
};

struct NabScore {
  double score = 0;      ///< 100 (raw - null) / (perfect - null)
  double raw = 0;        ///< the sum over all series
  double threshold = 0;  ///< a row whose score is not below it is a detection
  /// Rows behind the probationary part: detected in windows, detected elsewhere, not detected in
  /// windows.
  int64_t true_positives = 0, false_positives = 0, false_negatives = 0;
};

/// At one threshold. With s(p) = 2 / (1 + exp(5 p)) - 1, and -1 for p > 3:
///
///     window    its best detection: w_tp s(p) / s(-1), p = (row - last - 1) / rows of the window,
///               from -1 at its first row; a window without a detection: -w_fn
///     elsewhere each detection: w_fp s(p), p = (row - last) / (rows - 1) of the window before it;
///               -w_fp where there is none, or where that window has one row
///     null      -w_fn for each window: the score without any detection
///     perfect   w_tp for each window
///
/// The first 15 % of a series' rows, at most 750, do not count. Windows that lie wholly in them
/// count in `perfect` alone, as in NAB. Throws UsageError: no series, no window at all, a series
/// without rows, a window out of range or order, a score that is not finite or not below
/// kNabNothing. Cost O(N log N).
NabScore nab_score_at(std::span<const NabSeries> series, double threshold,
                      const NabProfile& profile = {});

/// At the best threshold for all series together, as NAB's optimizer finds it: of all scores that
/// occur, and kNabNothing, the one with the best raw score, the highest of several. Cost
/// O(N log N) rows.
NabScore nab_score(std::span<const NabSeries> series, const NabProfile& profile = {});

}  // namespace heed
