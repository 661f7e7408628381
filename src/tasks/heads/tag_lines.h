// Tagged sentences for readers and for scorers.
#pragma once

#include "tasks/heads/tagged.h"

namespace heed {

/// Tags of an example, predicted and right.
struct ScoredTags {
  int64_t example = 0;
  TaggedSentence sentence;
  std::vector<std::string> found, expected;
};

/// Of rows in the order of examples: an item a record, its last line feed left out.
std::vector<std::string> conll_of(const Split& split, const TagsHeadOptions& options,
                                  const std::vector<ScoredTags>& rows);

/// "Bush/ARG0 nominated/V him", "[New York location] is big".
std::string tagged_text(const TagsHeadOptions& options, const TaggedSentence& sentence,
                        const std::vector<std::string>& tags);
/// {"words": [{"word", "begin", "end", "tag"}, ..]}, before them the spans or the predicate.
std::string tagged_json(const TagsHeadOptions& options, const TaggedSentence& sentence,
                        const std::vector<std::string>& tags);

}  // namespace heed
