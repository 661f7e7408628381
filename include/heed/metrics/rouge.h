// ROUGE, what of a reference stands in a summary, as the package rouge-score counts it.
#pragma once

#include <string>
#include <vector>

namespace heed {

struct RougeOptions {
  /// Porter's stemmer (1980, with NLTK's extensions) on words of over 3 letters.
  bool stem = false;
};

struct RougeScore {
  double precision = 0, recall = 0, f = 0;  ///< 0 .. 1; f = 2 P R / (P + R)
};

struct RougeScores {
  RougeScore one, two, longest;  ///< ROUGE-1, ROUGE-2, ROUGE-L (longest common subsequence)
};

/// A word's stem; a word of lower-case ASCII letters and digits.
std::string porter_stem(std::string word);

/// One summary; of several references, for each score the one with the best F. Words are runs of
/// a-z and 0-9 after lower case; every other character parts them (Lin 2004). Throws UsageError
/// without a reference.
RougeScores rouge(const std::string& hypothesis, const std::vector<std::string>& references,
                  const RougeOptions& options = {});

/// The mean over all lines. references[r][i] is line i of the r-th reference. Throws UsageError: no
/// line, or a reference with another number of lines.
RougeScores corpus_rouge(const std::vector<std::string>& hypotheses,
                         const std::vector<std::vector<std::string>>& references,
                         const RougeOptions& options = {});

}  // namespace heed
