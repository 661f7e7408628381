// Short answers against what is right: exact match and F1 over words; perplexity.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed {

// `language` says by whose rules. "": SQuAD's (Rajpurkar et al. 2016). "en", "es", "hi", "vi",
// "de", "ar", "zh": MLQA's of that language (Lewis et al. 2020). All throw UsageError for another
// one.

/// Lower case, without punctuation, articles and surplus white space. SQuAD: ASCII's punctuation
/// and the words a, an, the. MLQA: all punctuation of Unicode and the language's articles (none of
/// hi and zh; of ar its prefix wherever it stands); of zh each character from U+4E00 to U+9FA5 is a
/// word of its own.
std::string normalize_answer(const std::string& text, const std::string& language = "");

/// Whether one of the references is the same after normalize_answer. Throws UsageError without one.
bool exact_match(const std::string& answer, const std::vector<std::string>& references,
                 const std::string& language = "");

/// The best F1 over words, after normalize_answer. Where neither side has a word: 1 by SQuAD's
/// rules (evaluate-v2.0.py; the script of v1.1 gives 0), 0 by MLQA's. Throws UsageError as
/// exact_match.
double answer_f1(const std::string& answer, const std::vector<std::string>& references,
                 const std::string& language = "");

struct AnswerScores {
  double exact = 0, f1 = 0;  ///< means over all lines, 0 .. 1
};

/// references[r][i] is line i of the r-th reference. Throws UsageError: no line, or a reference
/// with another number of lines.
AnswerScores corpus_answers(const std::vector<std::string>& answers,
                            const std::vector<std::vector<std::string>>& references,
                            const std::string& language = "");

/// exp(loss / tokens): of a sum of -ln p over so many tokens. Throws UsageError for no token.
double perplexity(double loss, int64_t tokens);

}  // namespace heed
