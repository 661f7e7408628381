// How good written text is, beside what was expected: the metrics of `heed eval` and validation.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/metrics/cider.h"
#include "heed/train/task.h"

namespace heed {

enum class TextMetric { bleu, chrf, rouge, exact, cider, loss };
constexpr std::array<const char*, 6> words(TextMetric) {
  return {"bleu", "chrf", "rouge", "exact", "cider", "loss"};
}

/// [metric]: the metric by which the best model is chosen, and what else is measured.
struct TextMetricOptions {
  TextMetric kind = TextMetric::bleu;
  BleuTokenizer tokenize = BleuTokenizer::mteval_13a;
  bool lowercase = false;
  int64_t lead = 0;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind,
      "what chooses the best model: bleu, chrf, rouge (L), exact (share of equal texts), "
      "cider (of descriptions with several references), or loss, which writes nothing while it "
      "trains");
    if (kind == TextMetric::bleu || kind == TextMetric::cider)
      v("tokenize", tokenize, "of BLEU and CIDEr, as sacrebleu names it");
    if (kind == TextMetric::rouge) {
      v("lead", lead,
        "words of each source that are the baseline: the first so many; 0: no baseline",
        between(0, kMostLength));
    }
    v("lowercase", lowercase, "compare lower case");
  }
};

/// The metrics of texts beside what was expected of each, all its references: of bleu also chrf, of
/// rouge 1, 2 and L, of cider also bleu. None for loss.
Metrics text_metrics(const TextMetricOptions& options, const std::vector<std::string>& written,
                     const ReferencesOfLines& expected);

/// text_metrics of answers that no model wrote, named baseline_*: of rouge lead-k, the first k =
/// options.lead words of each source, parted by white space (none where k is 0); otherwise the
/// source itself.
Metrics baseline_metrics(const TextMetricOptions& options, const std::vector<std::string>& sources,
                         const ReferencesOfLines& expected);

/// The name in text_metrics by which models are compared.
SelectionMetric text_selection_metric(const TextMetricOptions& options);

/// Says in details() how the metric was computed, as sacrebleu prints it, and how many tokens were written in how many
/// seconds. references: of each text; 0: their number differs.
void add_writing(nlohmann::ordered_json& details, const TextMetricOptions& options,
                 size_t references, int64_t tokens, double seconds);

}  // namespace heed
