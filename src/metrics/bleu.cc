#include "heed/metrics/bleu.h"

#include <cmath>
#include <cstdio>

#include "core/lower_case.h"
#include "heed/core/error.h"
#include "heed/core/fields.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

constexpr double kLogOfNothing = -9999999999;  // sacrebleu's ln 0

std::string prepared(const std::string& line, const BleuOptions& options) {
  const std::string text = options.lowercase ? lower_case(line) : line;
  return tokenize_for_bleu(std::string(metric::without_end(text)), options.tokenize);
}

/// The number nearest to `to`, the smaller of two.
int64_t nearest(int64_t to, const std::vector<int64_t>& numbers) {
  int64_t best = numbers.front();
  for (const int64_t number : numbers) {
    const int64_t off = std::abs(number - to), least = std::abs(best - to);
    if (off < least || (off == least && number < best)) best = number;
  }
  return best;
}

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

BleuCounts& BleuCounts::operator+=(const BleuCounts& other) {
  for (size_t n = 0; n < matches.size(); ++n)
    matches[n] += other.matches[n], total[n] += other.total[n];
  hypothesis += other.hypothesis, reference += other.reference;
  return *this;
}

BleuCounts bleu_counts(const std::string& hypothesis, const std::vector<std::string>& references,
                       const BleuOptions& options) {
  if (references.empty()) throw UsageError("bleu: expected at least one reference, given none");
  const std::string text = prepared(hypothesis, options);
  const auto words = metric::split(text);
  std::vector<std::string> texts;
  std::vector<std::vector<std::string_view>> others;
  std::vector<int64_t> lengths;
  texts.reserve(references.size());
  for (const auto& reference : references) {
    texts.push_back(prepared(reference, options));
    others.push_back(metric::split(texts.back()));
    lengths.push_back(static_cast<int64_t>(others.back().size()));
  }
  BleuCounts counts;
  counts.hypothesis = static_cast<int64_t>(words.size());
  counts.reference = nearest(counts.hypothesis, lengths);
  for (size_t n = 1; n <= counts.total.size(); ++n) {
    metric::Counts most;  // of any reference
    for (const auto& other : others)
      for (const auto& [gram, count] : metric::count_words(other, n))
        most[gram] = std::max(most[gram], count);
    const auto own = metric::count_words(words, n);
    counts.matches[n - 1] = metric::shared(own, most);
    counts.total[n - 1] = std::max<int64_t>(0, counts.hypothesis - static_cast<int64_t>(n) + 1);
  }
  return counts;
}

BleuScore bleu_score(const BleuCounts& counts, const BleuOptions& options) {
  BleuScore result;
  result.counts = counts;
  const auto hypothesis = static_cast<double>(counts.hypothesis);
  if (counts.hypothesis < counts.reference) {
    result.brevity = counts.hypothesis > 0
                         ? std::exp(1 - static_cast<double>(counts.reference) / hypothesis)
                         : 0;
  }
  if (counts.matches == std::array<int64_t, 4>{}) return result;
  double halving = 1;
  size_t order = counts.total.size();
  for (size_t n = 0; n < counts.total.size() && counts.total[n] > 0; ++n) {
    const auto total = static_cast<double>(counts.total[n]);
    if (options.effective_order) order = n + 1;
    if (counts.matches[n] > 0) {
      result.precisions[n] = 100 * static_cast<double>(counts.matches[n]) / total;
    } else if (options.smooth == BleuSmoothing::exp) {
      halving *= 2;
      result.precisions[n] = 100 / (halving * total);
    } else if (options.smooth == BleuSmoothing::floor) {
      result.precisions[n] = 100 * options.floor / total;
    }
  }
  double logs = 0;
  for (size_t n = 0; n < order; ++n)
    logs += result.precisions[n] > 0 ? std::log(result.precisions[n]) : kLogOfNothing;
  result.score = result.brevity * std::exp(logs / static_cast<double>(order));
  return result;
}

BleuScore corpus_bleu(const std::vector<std::string>& hypotheses, const References& references,
                      const BleuOptions& options) {
  metric::check_corpus("bleu", hypotheses.size(), references);
  BleuCounts sum;
  for (size_t i = 0; i < hypotheses.size(); ++i)
    sum += bleu_counts(hypotheses[i], metric::references_of(i, references), options);
  return bleu_score(sum, options);
}

std::string BleuScore::text() const {
  const double ratio = counts.reference > 0 ? static_cast<double>(counts.hypothesis) /
                                                  static_cast<double>(counts.reference)
                                            : 0;
  std::string out = formatted("%.2f ", score);
  for (size_t n = 0; n < precisions.size(); ++n)
    out += formatted(n == 0 ? "%.1f" : "/%.1f", precisions[n]);
  return out + formatted(" (BP = %.3f", brevity) + formatted(" ratio = %.3f", ratio) +
         " hyp_len = " + std::to_string(counts.hypothesis) +
         " ref_len = " + std::to_string(counts.reference) + ")";
}

std::string bleu_signature(const BleuOptions& options, size_t references) {
  std::string smooth = word_of(options.smooth);
  if (options.smooth == BleuSmoothing::floor) smooth += formatted("[%.2f]", options.floor);
  return "nrefs:" + metric::count_word(references) +
         (options.lowercase ? "|case:lc" : "|case:mixed") +
         (options.effective_order ? "|eff:yes" : "|eff:no") + "|tok:" + word_of(options.tokenize) +
         "|smooth:" + smooth;
}

}  // namespace heed
