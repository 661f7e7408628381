// How good sets of labels are, beside training's most frequent one.
#pragma once

#include <functional>
#include <memory>

#include "heed/tasks/head.h"
#include "tasks/heads/label_sets.h"

namespace heed {

/// What a batch gives: logits (B, K), which of the K labels each record has (B, K) of 0 and 1, and
/// how many it has that training never saw (B).
struct LabelsOutput {
  at::Tensor logits, targets, unseen, records;
};
using LabelsOutputOf = std::function<LabelsOutput(const Tokens&, const Batch&)>;

/// Labels that training never saw are expected and never predicted: micro F1 and subset accuracy
/// count them as missed, macro F1 and average precision are of the K labels. `sets` outlives it.
std::unique_ptr<Scorer> make_labels_scorer(const LabelSets& sets, double threshold,
                                           LabelsOutputOf output);

}  // namespace heed
