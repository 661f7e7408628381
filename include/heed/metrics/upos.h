// Tags of words (parts of speech) beside the right ones.
#pragma once

#include <string>
#include <vector>

namespace heed {

/// The share of words with the right tag: UPOS of the CoNLL 2018 evaluation (conll18_ud_eval.py)
/// where the words are the gold ones, so that its precision, recall, F1 and aligned accuracy are
/// this one number. predicted[s] and expected[s] are the tags of sentence s. Throws DataError that
/// says where: another number of sentences or tags; UsageError where there is no word. Cost O(N).
double tag_accuracy(const std::vector<std::vector<std::string>>& predicted,
                    const std::vector<std::vector<std::string>>& expected);

}  // namespace heed
