// Several labels a record beside the right ones, as scikit-learn counts them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

// predicted and expected: (N, L) of 0 and 1, row by row; a record may have no label. All throw
// UsageError: no record, no label, a table of another size, a value that is neither 0 nor 1. Cost
// O(N L); of average precision O(L N log N).

/// Of each label: correct, predicted, expected. micro_f1 and macro_f1 (classification.h) of them
/// are f1_score(average="micro") and "macro": a label that nobody has and nobody predicts counts as
/// 0.
std::vector<MatchCounts> label_counts(std::span<const int64_t> predicted,
                                      std::span<const int64_t> expected, int64_t labels);

/// The share of records all of whose labels are right; accuracy_score of label matrices.
double subset_accuracy(std::span<const int64_t> predicted, std::span<const int64_t> expected,
                       int64_t labels);

/// The mean over labels of average_precision (curves.h), scores (N, L);
/// average_precision_score(average="macro"): a label that no record has counts as 0.
double label_average_precision(std::span<const double> scores, std::span<const int64_t> expected,
                               int64_t labels);

}  // namespace heed
