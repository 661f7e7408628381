#include "heed/metrics/rouge.h"

#include <algorithm>

#include "core/lower_case.h"
#include "heed/core/error.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

constexpr size_t kShortWord = 3;  // letters; such words have no stem but themselves

std::vector<std::string> words_of(const std::string& line, const RougeOptions& options) {
  std::vector<std::string> words(1);
  for (const char c : lower_case(line)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      words.back() += c;
    else if (!words.back().empty())
      words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  if (options.stem) {
    for (auto& word : words)
      if (word.size() > kShortWord) word = porter_stem(word);
  }
  return words;
}

RougeScore score_of(int64_t both, size_t hypothesis, size_t reference) {
  RougeScore score;
  score.precision =
      static_cast<double>(both) / static_cast<double>(std::max<size_t>(hypothesis, 1));
  score.recall = static_cast<double>(both) / static_cast<double>(std::max<size_t>(reference, 1));
  if (both > 0) {
    score.f = 2 * score.precision * score.recall / (score.precision + score.recall);
  }
  return score;
}

using Words = std::vector<std::string>;

RougeScore grams(const Words& hypothesis, const Words& reference, size_t n) {
  const auto count = [n](const Words& words) {
    return words.size() < n ? 0 : words.size() - n + 1;
  };
  const auto both =
      metric::shared(metric::count_words(hypothesis, n), metric::count_words(reference, n));
  return score_of(both, count(hypothesis), count(reference));
}

/// The longest common subsequence, in memory of one row.
RougeScore longest(const Words& hypothesis, const Words& reference) {
  std::vector<int64_t> row(hypothesis.size() + 1, 0);
  for (const auto& word : reference) {
    int64_t above_left = 0;
    for (size_t j = 1; j < row.size(); ++j) {
      const int64_t above = row[j];
      row[j] = word == hypothesis[j - 1] ? above_left + 1 : std::max(above, row[j - 1]);
      above_left = above;
    }
  }
  return score_of(row.back(), hypothesis.size(), reference.size());
}

void keep_better(RougeScore& best, const RougeScore& score, bool first) {
  if (first || score.f > best.f) best = score;
}

}  // namespace

RougeScores rouge(const std::string& hypothesis, const std::vector<std::string>& references,
                  const RougeOptions& options) {
  if (references.empty()) throw UsageError("rouge: expected at least one reference, given none");
  const auto own = words_of(hypothesis, options);
  RougeScores best;
  for (size_t r = 0; r < references.size(); ++r) {
    const auto other = words_of(references[r], options);
    keep_better(best.one, grams(own, other, 1), r == 0);
    keep_better(best.two, grams(own, other, 2), r == 0);
    keep_better(best.longest, longest(own, other), r == 0);
  }
  return best;
}

RougeScores corpus_rouge(const std::vector<std::string>& hypotheses,
                         const std::vector<std::vector<std::string>>& references,
                         const RougeOptions& options) {
  metric::check_corpus("rouge", hypotheses.size(), references);
  RougeScores mean;
  const auto lines = static_cast<double>(hypotheses.size());
  const auto add = [lines](RougeScore& sum, const RougeScore& own) {
    sum.precision += own.precision / lines;
    sum.recall += own.recall / lines;
    sum.f += own.f / lines;
  };
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const auto own = rouge(hypotheses[i], metric::references_of(i, references), options);
    add(mean.one, own.one);
    add(mean.two, own.two);
    add(mean.longest, own.longest);
  }
  return mean;
}

}  // namespace heed
