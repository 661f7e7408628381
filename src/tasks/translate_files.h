// What training and running a translator share.
#pragma once

#include <string>
#include <vector>

#include "heed/tasks/translate.h"

namespace heed {

inline constexpr const char* kSharedTokenizer = "shared.tokenizer";
inline constexpr const char* kSourceTokenizer = "source.tokenizer";
inline constexpr const char* kTargetTokenizer = "target.tokenizer";

/// A split of [data], with names for messages. Throws ModelError where it does not name one or two
/// files, as the format asks.
data::TextPairsPtr open_split(const TranslateData& data, const std::vector<std::string>& split,
                              const char* name);

/// A source line's tokens, with their end where the recipe asks for it. Throws DataError for
/// invalid UTF-8, more tokens than data.max_source_length.
std::vector<int64_t> encode_source(const TranslateData& data, const data::Tokenizer& tokenizer,
                                   const std::string& line, const std::string& place);

/// How pairs become batches, those that are learned from and those that are measured: limits and
/// what is left out as [data] says, train.batch tokens.
data::SequenceOptions batch_options(const TranslateRecipe& recipe);

/// Pairs that are measured, opened, with the tokenizers of their sides.
struct MeasuredPairs {
  MeasuredPairs(const TranslateRecipe& recipe, data::TextPairsPtr corpus,
                data::TokenizerPtr of_sources, data::TokenizerPtr of_targets);

  data::TextPairsPtr pairs;
  data::TokenizerPtr source, target;
  data::SequenceLoader loader;
};

/// Mean losses of pairs, in nats per target token with its end: {loss, perplexity}.
Metrics loss_metrics(SequenceModel& model, data::SequenceLoader& pairs);

/// Writes an answer to every source of the loader's pairs and measures it: text metrics, without
/// the loss.
TranslateEvaluation evaluate_pairs(const TranslateRecipe& recipe,
                                   const std::vector<SequenceModelPtr>& models,
                                   MeasuredPairs& measured);

}  // namespace heed
