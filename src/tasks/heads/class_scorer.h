// What a classifier's logits are worth.
#pragma once

#include <functional>
#include <optional>

#include "heed/tasks/head.h"
#include "tasks/heads/classes.h"

namespace heed {

struct ClassOutput {
  at::Tensor logits;   ///< (B, K), divided by the temperature where there is one
  at::Tensor targets;  ///< (B) int64; -1: a class that training did not have, never right
  at::Tensor records;  ///< (B) int64
};
using ClassOutputOf = std::function<ClassOutput(const Tokens&, const Batch&)>;

struct ClassScoring {
  double temperature = 1;             ///< by which logits were divided
  bool fits_temperature = false;      ///< temperature() is asked for
  std::optional<double> refuse = {};  ///< probability below which no class is answered
};

/// Accuracy, macro F1, MCC, AUC (of two classes), the expected calibration error (before, too, where
/// there is a temperature), loss; the majority class beside them. Where answers are refused, the share
/// that is not and its accuracy.
std::unique_ptr<Scorer> make_class_scorer(const Classes& classes, ClassOutputOf output,
                                          const ClassScoring& scoring);

}  // namespace heed
