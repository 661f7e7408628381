#include "heed/metrics/cider.h"

#include <array>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "core/lower_case.h"
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

constexpr size_t kCiderOrders = 4;
constexpr double kCiderSigma = 6;

/// n-grams of 1 .. 4 words with what each counts.
using Grams = std::array<metric::Counts, kCiderOrders>;

Grams grams_of(const std::string& line, const CiderOptions& options) {
  const std::string text = options.lowercase ? lower_case(line) : line;
  const auto tokenized = tokenize_for_bleu(text, options.tokenize);
  const auto words = metric::split(tokenized);
  Grams grams;
  for (size_t n = 0; n < kCiderOrders; ++n) grams[n] = metric::count_words(words, n + 1);
  return grams;
}

/// ln(lines / lines whose references have an n-gram).
class InverseFrequencies {
 public:
  explicit InverseFrequencies(const std::vector<std::vector<Grams>>& lines)
      : lines_(std::log(static_cast<double>(lines.size()))) {
    for (const auto& references : lines) {
      std::unordered_set<std::string_view> seen;
      for (const auto& reference : references)
        for (const auto& counts : reference)
          for (const auto& [gram, count] : counts) seen.insert(gram);
      for (const auto gram : seen) ++lines_with_[std::string(gram)];
    }
  }
  double operator()(const std::string& gram) const {
    const auto found = lines_with_.find(gram);
    return found == lines_with_.end() ? lines_
                                      : lines_ - std::log(static_cast<double>(found->second));
  }

 private:
  double lines_;
  std::unordered_map<std::string, int64_t> lines_with_;
};

/// tf-idf of a text's n-grams.
struct GramVectors {
  std::array<std::unordered_map<std::string, double>, kCiderOrders> weights;
  std::array<double, kCiderOrders> norms{};
  int64_t pairs = 0;  // of words: the length that pycocoevalcap compares

  GramVectors(const Grams& grams, const InverseFrequencies& inverse) {
    for (size_t n = 0; n < kCiderOrders; ++n) {
      for (const auto& [gram, count] : grams[n]) {
        const double weight = static_cast<double>(count) * inverse(gram);
        weights[n].emplace(gram, weight);
        norms[n] += weight * weight;
        if (n == 1) pairs += count;
      }
      norms[n] = std::sqrt(norms[n]);
    }
  }
};

double similarity(const GramVectors& line, const GramVectors& reference) {
  double sum = 0;
  for (size_t n = 0; n < kCiderOrders; ++n) {
    if (line.norms[n] == 0 || reference.norms[n] == 0) continue;
    double shared = 0;
    for (const auto& [gram, weight] : line.weights[n])
      if (const auto found = reference.weights[n].find(gram); found != reference.weights[n].end())
        shared += std::min(weight, found->second) * found->second;
    sum += shared / (line.norms[n] * reference.norms[n]);
  }
  const auto off = static_cast<double>(line.pairs - reference.pairs);
  return sum / kCiderOrders * std::exp(-off * off / (2 * kCiderSigma * kCiderSigma));
}

std::vector<std::vector<Grams>> grams_of_lines(const ReferencesOfLines& lines,
                                               const CiderOptions& options) {
  std::vector<std::vector<Grams>> all;
  for (const auto& texts : lines) {
    auto& own = all.emplace_back();
    for (const auto& text : texts) own.push_back(grams_of(text, options));
  }
  return all;
}

}  // namespace

std::vector<double> cider_scores(const std::vector<std::string>& hypotheses,
                                 const ReferencesOfLines& references, const CiderOptions& options) {
  metric::check_lines("cider", hypotheses.size(), references);
  const auto lines = grams_of_lines(references, options);
  const InverseFrequencies inverse(lines);
  std::vector<double> scores;
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    const GramVectors line(grams_of(hypotheses[i], options), inverse);
    double sum = 0;
    for (const auto& reference : lines[i]) sum += similarity(line, GramVectors(reference, inverse));
    scores.push_back(10 * sum / static_cast<double>(lines[i].size()));
  }
  return scores;
}

double corpus_cider(const std::vector<std::string>& hypotheses, const ReferencesOfLines& references,
                    const CiderOptions& options) {
  const auto scores = cider_scores(hypotheses, references, options);
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

/// The mean of cosines with all texts is the product with the mean of their vectors of length 1.
std::vector<std::vector<double>> cider_consensus(const ReferencesOfLines& texts,
                                                 const CiderOptions& options) {
  const auto lines = grams_of_lines(texts, options);
  const InverseFrequencies inverse(lines);
  std::array<std::unordered_map<std::string, double>, kCiderOrders> mean;
  size_t count = 0;
  const auto for_each_share = [&](const Grams& grams, auto&& use) {
    const GramVectors vectors(grams, inverse);
    for (size_t n = 0; n < kCiderOrders; ++n)
      for (const auto& [gram, weight] : vectors.weights[n])
        if (vectors.norms[n] > 0) use(mean[n], gram, weight / vectors.norms[n]);
  };
  for (const auto& line : lines) {
    for (const auto& text : line)
      for_each_share(text, [](auto& of, const auto& gram, double share) { of[gram] += share; });
    count += line.size();
  }
  if (count == 0) throw UsageError("cider: expected at least one text, given none");
  std::vector<std::vector<double>> near;
  for (const auto& line : lines) {
    auto& own = near.emplace_back();
    for (const auto& text : line) {
      double sum = 0;
      for_each_share(text, [&](const auto& of, const auto& gram, double share) {
        sum += of.at(gram) * share;
      });
      own.push_back(sum / static_cast<double>(kCiderOrders * count));
    }
  }
  return near;
}

std::string cider_signature(const CiderOptions& options, size_t references) {
  return "nrefs:" + metric::count_word(references) +
         (options.lowercase ? "|case:lc" : "|case:mixed") + "|tok:" + word_of(options.tokenize) +
         "|n:4|sigma:6";
}

}  // namespace heed
