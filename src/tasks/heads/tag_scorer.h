// What predicted tags are worth.
#pragma once

#include <functional>

#include "heed/tasks/head.h"
#include "tasks/heads/tagged.h"

namespace heed {

/// What a head makes of a batch: the tags of each example, and its loss.
struct TagOutput {
  std::vector<std::vector<std::string>> tags;
  double loss = 0;    ///< summed over words
  int64_t words = 0;  ///< that have a loss
};
using TagOutputOf = std::function<TagOutput(const Tokens&, const Batch&)>;

/// By the scheme: none: accuracy, and that of words that training did not have; spans: precision,
/// recall and F1 as seqeval's default counts them, and F1 of its strict mode; roles: those of
/// arguments (heed/metrics/srl.h). The loss, where words have one; `baseline` beside them.
///
/// outputs(), an item a record: where the column is one of CoNLL-U, words in its ten columns with
/// the predicted ones in place; roles: CoNLL-U Plus with the predicate and its roles behind them;
/// otherwise word, expected and predicted tag, as conlleval reads them.
std::unique_ptr<Scorer> make_tag_scorer(SplitPtr split, const TagsHeadOptions& options,
                                        const TagBaseline& baseline, TagOutputOf output);

}  // namespace heed
