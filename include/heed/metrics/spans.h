// Spans of tagged words (names, chunks, answers) beside the right ones, as seqeval counts them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "heed/metrics/metrics.h"

namespace heed {

/// Words begin .. end - 1 of a sentence.
struct Span {
  int64_t begin = 0, end = 0;
  std::string type;

  auto operator<=>(const Span&) const = default;
};

/// What tags mean. A tag is O, or a prefix B, I, E or S, "-" and a type; a prefix alone has the type
/// "_".
enum class TagScheme {
  kLenient,  ///< as conlleval reads them: a span begins at B or S, behind E or S, where the type
             ///< changes or where O ends, and ends before the next or behind E or S
  kIob1,     ///< strict: B only where a span follows another of its type
  kIob2,     ///< strict: each span begins with B
  kIoe2,     ///< strict: each span ends with E
  kIobes     ///< strict: each span is B I* E or S
};

/// "lenient", "iob1", "iob2", "ioe2", "iobes". Throws UsageError for another name.
TagScheme tag_scheme(const std::string& name);

/// The spans of one sentence, in its order. kLenient never refuses an order of tags; a strict
/// scheme leaves out what is no whole span by its rules (seqeval's mode="strict"). Throws DataError
/// that says which word: a tag of no such form, a prefix that the scheme does not have. Cost O(L).
std::vector<Span> spans_of_tags(std::span<const std::string> tags,
                                TagScheme scheme = TagScheme::kLenient);

/// Counts of spans. A span is correct if begin, end and type are the same.
struct SpanScores {
  MatchCounts all;                           ///< its f1() is seqeval's f1_score (micro)
  std::map<std::string, MatchCounts> types;  ///< of each type predicted or expected

  /// The mean F1 of types; 0 where there is no span at all.
  double macro_f1() const;
};

/// Spans of sentences: predicted[s] and expected[s] of sentence s, in any order; a span given twice
/// counts once. Throws UsageError for another number of sentences.
SpanScores score_spans(const std::vector<std::vector<Span>>& predicted,
                       const std::vector<std::vector<Span>>& expected);

/// The same of tags. Throws DataError that says which sentence: as spans_of_tags, or another number
/// of tags.
SpanScores score_tags(const std::vector<std::vector<std::string>>& predicted,
                      const std::vector<std::vector<std::string>>& expected,
                      TagScheme scheme = TagScheme::kLenient);

}  // namespace heed
