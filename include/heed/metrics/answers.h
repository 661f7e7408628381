// Short answers against what is right: exact match and F1 over words; perplexity.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heed {

/// Lower case, without ASCII punctuation, the words a, an and the, and surplus white space
/// (Rajpurkar et al. 2016).
std::string normalize_answer(const std::string& text);

/// Whether one of the references is the same after normalize_answer.
bool exact_match(const std::string& answer, const std::vector<std::string>& references);

/// The best F1 over words, after normalize_answer; where one side has no word, 1 if neither has.
double answer_f1(const std::string& answer, const std::vector<std::string>& references);

struct AnswerScores {
  double exact = 0, f1 = 0;  ///< means over all lines, 0 .. 1
};

/// references[r][i] is line i of the r-th reference. Throws UsageError: no line, or a reference
/// with another number of lines.
AnswerScores corpus_answers(const std::vector<std::string>& answers,
                            const std::vector<std::vector<std::string>>& references);

/// exp(loss / tokens): of a sum of -ln p over so many tokens. Throws UsageError for no token.
double perplexity(double loss, int64_t tokens);

}  // namespace heed
