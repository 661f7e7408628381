// What transcripts are worth beside those that are known.
#pragma once

#include <functional>
#include <memory>

#include "heed/tasks/head.h"

namespace heed {

/// What a head makes of a batch.
struct TranscriptOutput {
  double loss;     ///< -ln p of all transcripts together
  int64_t tokens;  ///< in them
  std::vector<std::string> texts;
};
using TranscriptOutputOf =
    std::function<TranscriptOutput(const Tokens& tokens, const Batch& batch)>;

/// wer, cer, exact (the share of equal texts) and loss (nats a token), equal to jiwer's; counts of words and characters beside
/// them. The baseline: `frequent`, whatever is heard.
std::unique_ptr<Scorer> make_transcript_scorer(SplitPtr split, std::string column,
                                               std::string frequent, TranscriptOutputOf output);

}  // namespace heed
