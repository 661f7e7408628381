// What a model is worth that writes texts of a column from what an encoder gives.
#pragma once

#include <memory>
#include <string>

#include "tasks/heads/text_scorer.h"
#include "tasks/heads/written_baselines.h"

namespace heed {

/// Which texts are right.
struct WrittenColumns {
  std::string text;  ///< the column that is written
  std::string
      references;  ///< the column whose equal values are one source; empty: each record by itself
};

/// loss and perplexity of every text and, of what the writer writes once a source, the metrics of `metric` against all of its
/// texts. Baselines: those texts of `baselines`. Several models: no loss. Without `writes` only the loss.
std::unique_ptr<Scorer> make_written_scorer(TextWriter writer, const TextMetricOptions& metric,
                                            SplitPtr split, bool writes, TextBatchOf batch_of,
                                            WrittenColumns columns,
                                            const WrittenBaselines& baselines);

}  // namespace heed
