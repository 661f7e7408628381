// What found answers are worth.
#pragma once

#include <functional>

#include "heed/tasks/head.h"
#include "tasks/heads/span_answers.h"

namespace heed {

/// What a head makes of a batch: the answer of each example, and its loss.
struct SpanOutput {
  std::vector<FoundSpan> found;
  double loss = 0;       ///< summed over examples
  int64_t examples = 0;  ///< that have a loss
};
using SpanOutputOf = std::function<SpanOutput(const Tokens&, const Batch&)>;

/// Exact match and F1 (heed/metrics/answers.h), the best over an example's answers; the loss. Where
/// no answer is learned also those of questions that have one, and the share of the others that are
/// left unanswered. The number of answers that input.max_length cuts off, where it does. The
/// baseline is the sentence most like the question; where no answer is learned also to answer none.
///
/// outputs(): the answer, line breaks as blanks; an empty line is no answer.
std::unique_ptr<Scorer> make_span_scorer(SplitPtr split, const SpansHeadOptions& options,
                                         SpanOutputOf output);

}  // namespace heed
