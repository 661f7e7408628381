// How well scores part right from wrong, and whether probabilities mean what they say, as
// scikit-learn computes it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heed {

// Of N records: scores (N), larger for what is likelier positive; expected (N), 1 positive and 0
// negative. All throw UsageError: no record, another number of references, an `expected` that is
// neither, a score that is NaN. Cost O(N log N).

/// The area under the curve of true over false positive rate: the probability that a positive
/// record has a larger score than a negative one, equal scores counting one half. NaN where one of
/// both kinds is missing, as roc_auc_score of scikit-learn.
double roc_auc(std::span<const double> scores, std::span<const int64_t> expected);

/// The mean over classes of roc_auc of this class against all others: scores (N, C), expected in
/// 0 .. C - 1. roc_auc_score(multi_class="ovr", average="macro"). NaN where a class has no record.
double roc_auc_one_vs_rest(std::span<const double> scores, std::span<const int64_t> expected,
                           int64_t classes);

/// sum_n (R_n - R_{n-1}) P_n over falling thresholds, without interpolation; records of one score
/// are one threshold. 0 where nothing is positive. average_precision_score.
double average_precision(std::span<const double> scores, std::span<const int64_t> expected);

/// precision[i] and recall[i] where scores >= thresholds[i] are taken for positive; one more point
/// at the end, precision 1 and recall 0. Thresholds rise. Recall is 1 everywhere where nothing is
/// positive. precision_recall_curve.
struct PrecisionRecallCurve {
  std::vector<double> precision, recall, thresholds;
};
PrecisionRecallCurve precision_recall_curve(std::span<const double> scores,
                                            std::span<const int64_t> expected);

/// Of each bin that holds a record: the mean probability, the share of positives, the records.
/// Bins are equally wide, bin b is (b / bins, (b + 1) / bins]; 0 is in the first. calibration_curve
/// (strategy="uniform").
struct CalibrationCurve {
  std::vector<double> probability, positive;
  std::vector<int64_t> records;
};
/// Throws UsageError also: a probability outside 0 .. 1, no bin.
CalibrationCurve calibration_curve(std::span<const double> probabilities,
                                   std::span<const int64_t> expected, int64_t bins = 10);

/// sum_b n_b / N |correct_b - confidence_b| over the bins of calibration_curve (Guo et al. 2017).
/// confidences: the probability of the predicted class; correct: whether it was right (1 or 0).
double expected_calibration_error(std::span<const double> confidences,
                                  std::span<const int64_t> correct, int64_t bins = 15);

}  // namespace heed
