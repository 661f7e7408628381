// What a model that writes is worth: on texts whose answers are known, and on one long text.
#pragma once

#include <functional>
#include <memory>

#include "tasks/heads/text_metric.h"
#include "tasks/heads/text_writer.h"
#include "tasks/inputs/corpus_split.h"

namespace heed {

/// What a batch holds of texts that are written.
struct TextBatch {
  SourceBatch source = {};
  at::Tensor target, labels;  ///< (B, Lt), as data::SequenceBatch has them
};
using TextBatchOf = std::function<TextBatch(const Tokens& tokens, const Batch& batch)>;

/// Cross-entropy of the batch's labels in nats a token.
struct TextLoss {
  at::Tensor sum;  ///< with gradient and label smoothing
  double nll = 0;  ///< without
  int64_t count = 0;
};
TextLoss text_loss(SequenceModel& model, const TextBatch& batch, double label_smoothing = 0);

/// The mean loss over all batches, in nats a token.
class TextMeanLoss {
 public:
  void add(SequenceModel& model, const TextBatch& batch);
  double sum() const { return sum_; }
  int64_t count() const { return count_; }
  Metrics metrics() const;  ///< loss, perplexity
  void collected(Collected& state);

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// The members of a JSON object, a line each.
std::string as_lines(const std::string& object);

/// loss, perplexity and, of what the writer writes to every source, the metrics of `metric`; copied
/// sources (of summaries: their first words) are the baseline. Several models: no loss. Without
/// `writes` only the loss.
std::unique_ptr<Scorer> make_text_scorer(TextWriter writer, const TextMetricOptions& metric,
                                         SplitPtr split, bool writes, TextBatchOf batch_of);

/// How often training had each token, for the baseline.
using TokenCounts = std::vector<int64_t>;

/// loss, perplexity and nats_per_character of a text; the unigram model of the training text, each
/// count one more, is the baseline. A stateful model begins anew before and after.
std::unique_ptr<Scorer> make_corpus_scorer(SequenceModelPtr model, const TokenCounts& counts,
                                           std::shared_ptr<const CorpusSplit> split);

}  // namespace heed
