// What a classifier's logits are worth.
#pragma once

#include <functional>

#include "heed/tasks/head.h"
#include "tasks/heads/classes.h"

namespace heed {

struct ClassOutput {
  at::Tensor logits;   ///< (B, K)
  at::Tensor targets;  ///< (B) int64; -1: a class that training did not have, never right
  at::Tensor records;  ///< (B) int64
};
using ClassOutputOf = std::function<ClassOutput(const Tokens&, const Batch&)>;

/// Accuracy, macro F1, MCC, AUC (of two classes), loss; the majority class beside them.
std::unique_ptr<Scorer> make_class_scorer(const Classes& classes, ClassOutputOf output);

}  // namespace heed
