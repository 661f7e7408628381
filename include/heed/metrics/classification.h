// Classes beside the right ones, as scikit-learn counts them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

/// counts[expected * classes + predicted]: how often a record of class `expected` was taken for
/// `predicted`, shape (C, C).
struct ConfusionMatrix {
  int64_t classes = 0;
  std::vector<int64_t> counts;

  int64_t at(int64_t expected, int64_t predicted) const;
};

/// Of N records, classes 0 .. classes - 1. Throws UsageError: no record, another number of
/// references, a class out of range. Cost O(N + C^2).
ConfusionMatrix confusion_matrix(std::span<const int64_t> predicted,
                                 std::span<const int64_t> expected, int64_t classes);

/// The share of records whose class is right. Throws UsageError for a matrix without a record.
double accuracy(const ConfusionMatrix& matrix);

/// Of each class: correct, predicted, expected; with them its precision, recall and F1.
std::vector<MatchCounts> class_counts(const ConfusionMatrix& matrix);

/// The mean F1 of the classes that are predicted or expected at least once; a class that is in
/// neither is no class, as f1_score(average="macro") of scikit-learn has it.
double macro_f1(const ConfusionMatrix& matrix);

/// F1 of the counts summed over classes. Where each record has one class, that is its accuracy.
double micro_f1(const ConfusionMatrix& matrix);

/// Matthews' correlation of K classes (Gorodkin 2004), -1 .. 1, as matthews_corrcoef:
///
///     (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))
///
/// c correct of s records, p_k predicted and t_k expected of class k. 0 where the root is 0: all
/// records predicted, or all expected, in one class.
double matthews_correlation(const ConfusionMatrix& matrix);

/// The mean of -ln p of the right class. probabilities: (N, C), each row summing to 1 within 1e-3;
/// they are clipped to eps .. 1 - eps of float64 as log_loss does. Throws UsageError: sizes, a
/// class out of range, a probability outside 0 .. 1, a row with another sum.
double log_loss(std::span<const double> probabilities, std::span<const int64_t> expected,
                int64_t classes);

/// Mean F1 of all given counts, those without anything counted as 0.
double macro_f1(std::span<const MatchCounts> counts);
/// F1 of the sum of all given counts.
double micro_f1(std::span<const MatchCounts> counts);

}  // namespace heed
