#include "heed/metrics/wer.h"

#include <algorithm>
#include <string_view>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "metrics/check.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

constexpr int64_t kMostCells = int64_t{1} << 30;

/// Where the best way to a cell of the table comes from.
enum Step : uint8_t { kBothSides = 0, kDeletion = 1, kInsertion = 2 };

/// The steps to every cell (i, j), the first i of the reference beside the first j of the hypothesis. Of equally short
/// ways a deletion goes first; an insertion only where the cell before in the reference's direction costs one more.
template <class T>
std::vector<uint8_t> edit_steps(const std::vector<T>& reference, const std::vector<T>& hypothesis) {
  const size_t n = reference.size(), m = hypothesis.size();
  std::vector<uint8_t> steps((n + 1) * (m + 1), kBothSides);
  std::vector<int64_t> above(m + 1), own(m + 1);
  for (size_t j = 0; j <= m; ++j) above[j] = static_cast<int64_t>(j), steps[j] = kInsertion;
  for (size_t i = 1; i <= n; ++i) {
    own[0] = static_cast<int64_t>(i);
    auto* row = steps.data() + i * (m + 1);
    row[0] = kDeletion;
    for (size_t j = 1; j <= m; ++j) {
      const int64_t changed = above[j - 1] + (reference[i - 1] == hypothesis[j - 1] ? 0 : 1);
      own[j] = std::min({changed, above[j] + 1, own[j - 1] + 1});
      if (own[j] == above[j] + 1)
        row[j] = kDeletion;
      else if (own[j - 1] + 1 == above[j - 1])
        row[j] = kInsertion;
    }
    std::swap(above, own);
  }
  return steps;
}

template <class T>
EditCounts edits(std::vector<T> hypothesis, std::vector<T> reference) {
  EditCounts counts;
  const auto same_end = [&] {
    return !hypothesis.empty() && !reference.empty() && hypothesis.back() == reference.back();
  };
  for (; same_end(); ++counts.hits) hypothesis.pop_back(), reference.pop_back();
  const auto ends =
      std::mismatch(hypothesis.begin(), hypothesis.end(), reference.begin(), reference.end());
  counts.hits += ends.first - hypothesis.begin();
  hypothesis.erase(hypothesis.begin(), ends.first);
  reference.erase(reference.begin(), ends.second);
  const int64_t n = std::ssize(reference), m = std::ssize(hypothesis);
  if (n > 0 && m > kMostCells / n)
    throw UsageError("wer: texts of " + std::to_string(n) + " and " + std::to_string(m) +
                     " words or characters have too long a table; give them in shorter lines");
  const auto steps = edit_steps(reference, hypothesis);
  for (int64_t i = n, j = m; i > 0 || j > 0;) {
    const auto step = steps[static_cast<size_t>(i * (m + 1) + j)];
    if (step == kDeletion) {
      ++counts.deletions, --i;
    } else if (step == kInsertion) {
      ++counts.insertions, --j;
    } else {
      --i, --j;
      ++(reference[static_cast<size_t>(i)] == hypothesis[static_cast<size_t>(j)]
             ? counts.hits
             : counts.substitutions);
    }
  }
  return counts;
}

/// Without white space at both ends.
std::string_view without_ends(std::string_view text) {
  const auto words = metric::split(text);
  if (words.empty()) return {};
  const auto* begin = words.front().data();
  return {begin, static_cast<size_t>(words.back().data() + words.back().size() - begin)};
}

/// White space of one character that is no space parts no words.
std::vector<std::string> spaced_words(std::string_view text) {
  std::vector<std::string> words;
  const char* end = nullptr;
  for (const auto word : metric::split(text)) {
    std::string_view gap =
        end ? std::string_view(end, static_cast<size_t>(word.data() - end)) : std::string_view();
    const auto whole = gap;
    if (!gap.empty()) take_character(gap);
    if (whole.empty() || whole == " " || !gap.empty())
      words.emplace_back(word);
    else
      words.back().append(whole).append(word);
    end = word.data() + word.size();
  }
  return words;
}

std::vector<uint32_t> code_points(std::string_view text) {
  std::vector<uint32_t> characters;
  for (auto rest = without_ends(text); !rest.empty();) characters.push_back(take_character(rest));
  return characters;
}

template <class Edits>
EditCounts summed_edits(const std::vector<std::string>& hypotheses,
                        const std::vector<std::string>& references, Edits&& of) {
  metric::check_sizes("wer", hypotheses.size(), references.size());
  EditCounts sum;
  for (size_t i = 0; i < hypotheses.size(); ++i) sum += of(hypotheses[i], references[i]);
  return sum;
}

}  // namespace

EditCounts& EditCounts::operator+=(const EditCounts& other) {
  hits += other.hits, substitutions += other.substitutions;
  deletions += other.deletions, insertions += other.insertions;
  return *this;
}

double EditCounts::rate() const {
  if (expected() == 0)
    throw UsageError("wer: expected a word in the references, given none in all of them");
  return static_cast<double>(errors()) / static_cast<double>(expected());
}

EditCounts word_edits(const std::string& hypothesis, const std::string& reference) {
  return edits(spaced_words(hypothesis), spaced_words(reference));
}

EditCounts character_edits(const std::string& hypothesis, const std::string& reference) {
  return edits(code_points(hypothesis), code_points(reference));
}

EditCounts corpus_word_edits(const std::vector<std::string>& hypotheses,
                             const std::vector<std::string>& references) {
  return summed_edits(hypotheses, references, word_edits);
}

EditCounts corpus_character_edits(const std::vector<std::string>& hypotheses,
                                  const std::vector<std::string>& references) {
  return summed_edits(hypotheses, references, character_edits);
}

}  // namespace heed
