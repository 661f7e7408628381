#include "tasks/heads/text_metric.h"

#include <algorithm>

#include "heed/metrics/answers.h"
#include "heed/metrics/bleu.h"
#include "heed/metrics/chrf.h"
#include "heed/metrics/rouge.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

BleuOptions bleu_options(const TextMetricOptions& options) {
  return {.tokenize = options.tokenize, .lowercase = options.lowercase};
}

std::string first_words(const std::string& text, int64_t count) {
  auto words = metric::split(text);
  words.resize(std::min(words.size(), static_cast<size_t>(count)));
  std::string first;
  for (const auto word : words) first.append(first.empty() ? "" : " ").append(word);
  return first;
}

}  // namespace

Metrics text_metrics(const TextMetricOptions& options, const std::vector<std::string>& written,
                     const std::vector<std::string>& expected) {
  if (options.kind == TextMetric::bleu || options.kind == TextMetric::chrf) {
    return {{"bleu", corpus_bleu(written, {expected}, bleu_options(options)).score},
            {"chrf", corpus_chrf(written, {expected}, {.lowercase = options.lowercase})}};
  }
  if (options.kind == TextMetric::rouge) {
    const auto scores = corpus_rouge(written, {expected});
    return {{"rouge1", scores.one.f}, {"rouge2", scores.two.f}, {"rougeL", scores.longest.f}};
  }
  if (options.kind == TextMetric::exact) {
    const auto scores = corpus_answers(written, {expected});
    return {{"exact", scores.exact}, {"f1", scores.f1}};
  }
  return {};
}

Metrics baseline_metrics(const TextMetricOptions& options, const std::vector<std::string>& sources,
                         const std::vector<std::string>& expected) {
  auto written = sources;
  if (options.kind == TextMetric::rouge) {
    if (options.lead == 0) return {};
    for (auto& text : written) text = first_words(text, options.lead);
  }
  auto metrics = text_metrics(options, written, expected);
  for (auto& [name, value] : metrics) name = "baseline_" + name;
  return metrics;
}

SelectionMetric text_selection_metric(const TextMetricOptions& options) {
  if (options.kind == TextMetric::loss) return {"loss", false};
  return {options.kind == TextMetric::rouge ? "rougeL" : word_of(options.kind), true};
}

std::string text_signature(const TextMetricOptions& options) {
  if (options.kind == TextMetric::bleu) return bleu_signature(bleu_options(options), 1);
  if (options.kind == TextMetric::chrf) return chrf_signature({.lowercase = options.lowercase}, 1);
  return "";
}

}  // namespace heed
