// Examples and what became of them, answered one by one.
#pragma once

#include <vector>

#include "heed/lens/audit.h"

namespace heed::lens {

/// An example and its other side, asked about the same answer.
struct Compared {
  Question before, after;
  ChangedExample example;
  std::optional<bool> right, other_right;  ///< of classes that are known
};

/// Throws UsageError for heads whose answers are not compared.
void check_comparable(const Predictor& predictor, const AuditOptions& options);
Compared compare(Predictor& predictor, const SplitPtr& before, const SplitPtr& after,
                 int64_t number, const AuditOptions& options);

/// Statistics of some of the examples, by their numbers.
AnswerChange change_of(const std::string& name, const std::vector<ChangedExample>& examples,
                       const std::vector<int64_t>& numbers, uint64_t seed);
/// Compares all examples of two splits; `result` gets all, examples, accuracy and heads.
void compare_all(Predictor& predictor, const SplitPtr& before, const SplitPtr& after,
                 const AuditOptions& options, GroupAudit& result);

}  // namespace heed::lens
