#include "heed/metrics/chrf.h"

#include <cstring>

#include "core/lower_case.h"
#include "core/utf8.h"
#include "heed/core/error.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

using Characters = std::unordered_map<std::u32string_view, int64_t>;

bool is_punctuation(char c) {
  return c != '\0' && std::strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", c) != nullptr;
}

/// A text as chrF sees it.
struct Grams {
  explicit Grams(const std::string& line, const ChrfOptions& options) {
    const std::string text = options.lowercase ? lower_case(line) : line;
    for (std::string_view word : metric::split(text)) {
      while (!word.empty()) letters += static_cast<char32_t>(take_character(word));
    }
    const std::u32string_view all = letters;
    for (size_t n = 1; n <= static_cast<size_t>(options.characters); ++n) {
      auto& counts = characters.emplace_back();
      for (size_t i = 0; i + n <= all.size(); ++i) ++counts[all.substr(i, n)];
    }
    const auto parted = options.words > 0 ? parted_words(text) : std::vector<std::string>();
    for (size_t n = 1; n <= static_cast<size_t>(options.words); ++n)
      words.push_back(metric::count_words(parted, n));
  }
  Grams(const Grams&) = delete;
  Grams& operator=(const Grams&) = delete;

  std::u32string letters;
  std::vector<Characters> characters;  // views of letters
  std::vector<metric::Counts> words;

 private:
  /// Words, with one ASCII punctuation mark at their end, or else at their beginning, parted.
  static std::vector<std::string> parted_words(const std::string& text) {
    std::vector<std::string> words;
    for (const std::string_view word : metric::split(text)) {
      std::string_view behind_first = word;
      take_character(behind_first);
      if (behind_first.empty()) {
        words.emplace_back(word);
      } else if (is_punctuation(word.back())) {
        words.emplace_back(word.substr(0, word.size() - 1));
        words.emplace_back(word.substr(word.size() - 1));
      } else if (is_punctuation(word.front())) {
        words.emplace_back(word.substr(0, 1));
        words.emplace_back(word.substr(1));
      } else {
        words.emplace_back(word);
      }
    }
    return words;
  }
};

template <class Map>
std::array<int64_t, 3> compare(const Map& hypothesis, const Map& reference) {
  const auto sum = [](const Map& map) {
    int64_t total = 0;
    for (const auto& [gram, count] : map) total += count;
    return total;
  };
  return {reference.empty() ? 0 : sum(hypothesis), sum(reference),
          metric::shared(hypothesis, reference)};
}

void check(const ChrfOptions& options) {
  if (options.characters < 1 || options.words < 0 || options.beta < 1) {
    throw UsageError(
        "chrf: expected characters and beta of at least 1 and words of at least 0, "
        "given " +
        std::to_string(options.characters) + ", " + std::to_string(options.beta) + " and " +
        std::to_string(options.words));
  }
}

}  // namespace

ChrfCounts chrf_counts(const std::string& hypothesis, const std::vector<std::string>& references,
                       const ChrfOptions& options) {
  check(options);
  if (references.empty()) throw UsageError("chrf: expected at least one reference, given none");
  const Grams own(hypothesis, options);
  ChrfCounts best;
  double best_score = -1;
  for (const auto& reference : references) {
    const Grams other(reference, options);
    ChrfCounts counts;
    for (size_t n = 0; n < own.characters.size(); ++n)
      counts.push_back(compare(own.characters[n], other.characters[n]));
    for (size_t n = 0; n < own.words.size(); ++n)
      counts.push_back(compare(own.words[n], other.words[n]));
    const double score = chrf_score(counts, options);
    if (score > best_score) best_score = score, best = std::move(counts);
  }
  return best;
}

double chrf_score(const ChrfCounts& counts, const ChrfOptions& options) {
  double precision = 0, recall = 0;
  int64_t orders = 0;
  for (const auto& [hypothesis, reference, both] : counts) {
    if (hypothesis == 0 || reference == 0) continue;
    precision += static_cast<double>(both) / static_cast<double>(hypothesis);
    recall += static_cast<double>(both) / static_cast<double>(reference);
    ++orders;
  }
  if (precision + recall == 0) return 0;
  precision /= static_cast<double>(orders), recall /= static_cast<double>(orders);
  const auto factor = static_cast<double>(options.beta * options.beta);
  return 100 * ((1 + factor) * precision * recall / (factor * precision + recall));
}

double corpus_chrf(const std::vector<std::string>& hypotheses, const References& references,
                   const ChrfOptions& options) {
  metric::check_corpus("chrf", hypotheses.size(), references);
  ChrfCounts sum;
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const auto own = chrf_counts(hypotheses[i], metric::references_of(i, references), options);
    sum.resize(own.size());
    for (size_t n = 0; n < own.size(); ++n)
      for (size_t j = 0; j < own[n].size(); ++j) sum[n][j] += own[n][j];
  }
  return chrf_score(sum, options);
}

std::string chrf_name(const ChrfOptions& options) {
  return "chrF" + std::to_string(options.beta) +
         std::string(static_cast<size_t>(options.words), '+');
}

std::string chrf_signature(const ChrfOptions& options, size_t references) {
  return "nrefs:" + metric::count_word(references) +
         (options.lowercase ? "|case:lc" : "|case:mixed") +
         "|eff:yes|nc:" + std::to_string(options.characters) +
         "|nw:" + std::to_string(options.words) + "|space:no";
}

}  // namespace heed
