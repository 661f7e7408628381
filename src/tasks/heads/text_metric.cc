#include "tasks/heads/text_metric.h"

#include <algorithm>
#include <nlohmann/json.hpp>

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

CiderOptions cider_options(const TextMetricOptions& options) {
  return {.tokenize = options.tokenize, .lowercase = options.lowercase};
}

/// Line i of all r-th references. Where it has fewer its last one stands again, which changes no best and no largest count.
References by_reference(const ReferencesOfLines& lines) {
  size_t most = 0;
  for (const auto& own : lines) most = std::max(most, own.size());
  References all(most);
  for (size_t r = 0; r < most; ++r)
    for (const auto& own : lines) all[r].push_back(own[std::min(r, own.size() - 1)]);
  return all;
}

std::string first_words(const std::string& text, int64_t count) {
  auto words = metric::split(text);
  words.resize(std::min(words.size(), static_cast<size_t>(count)));
  std::string first;
  for (const auto word : words) first.append(first.empty() ? "" : " ").append(word);
  return first;
}

/// Empty where nothing says it.
std::string text_signature(const TextMetricOptions& options, size_t references) {
  if (options.kind == TextMetric::bleu) return bleu_signature(bleu_options(options), references);
  if (options.kind == TextMetric::cider) return cider_signature(cider_options(options), references);
  if (options.kind == TextMetric::chrf)
    return chrf_signature({.lowercase = options.lowercase}, references);
  return "";
}

}  // namespace

Metrics text_metrics(const TextMetricOptions& options, const std::vector<std::string>& written,
                     const ReferencesOfLines& expected) {
  const auto references = by_reference(expected);
  if (options.kind == TextMetric::bleu || options.kind == TextMetric::chrf) {
    return {{"bleu", corpus_bleu(written, references, bleu_options(options)).score},
            {"chrf", corpus_chrf(written, references, {.lowercase = options.lowercase})}};
  }
  if (options.kind == TextMetric::cider) {
    return {{"bleu", corpus_bleu(written, references, bleu_options(options)).score},
            {"cider", corpus_cider(written, expected, cider_options(options))}};
  }
  if (options.kind == TextMetric::rouge) {
    const auto scores = corpus_rouge(written, references);
    return {{"rouge1", scores.one.f}, {"rouge2", scores.two.f}, {"rougeL", scores.longest.f}};
  }
  if (options.kind == TextMetric::exact) {
    const auto scores = corpus_answers(written, references);
    return {{"exact", scores.exact}, {"f1", scores.f1}};
  }
  return {};
}

Metrics baseline_metrics(const TextMetricOptions& options, const std::vector<std::string>& sources,
                         const ReferencesOfLines& expected) {
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

void add_writing(nlohmann::ordered_json& details, const TextMetricOptions& options,
                 size_t references, int64_t tokens, double seconds) {
  const auto signature = text_signature(options, references);
  if (!signature.empty()) details["signature"] = signature;
  details["tokens"] = tokens;
  details["tokens_per_second"] = static_cast<double>(tokens) / seconds;
}

}  // namespace heed
