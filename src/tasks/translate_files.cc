#include "tasks/translate_files.h"

#include <chrono>
#include <cmath>

#include "heed/core/error.h"
#include "heed/ops/cross_entropy.h"
#include "tasks/text_search.h"

namespace heed {

data::TextPairsPtr open_split(const TranslateData& data, const std::vector<std::string>& split,
                              const char* name) {
  const size_t files = data.pairs.format == "lines" ? 2 : 1;
  if (split.size() != files) {
    throw ModelError("data." + std::string(name) + ": expected " +
                     (files == 2 ? "[source, target], two files side by side"
                                 : "[file], which holds both sides") +
                     ", given " + std::to_string(split.size()) +
                     (split.size() == 1 ? " file" : " files") + "; data.format is \"" +
                     data.pairs.format + "\"");
  }
  return data::open_text_pairs(split[0], files == 2 ? split[1] : "", data.pairs);
}

std::vector<int64_t> encode_source(const TranslateData& data, const data::Tokenizer& tokenizer,
                                   const std::string& line, const std::string& place) {
  std::vector<int64_t> tokens;
  try {
    tokens = tokenizer.encode(line);
  } catch (const DataError& error) {
    throw DataError(place + ": " + error.what());
  }
  if (data.batches.source_end) tokens.push_back(tokenizer.end());
  const int64_t longest = data.batches.max_source_length;
  if (longest == 0 || static_cast<int64_t>(tokens.size()) <= longest) return tokens;
  throw DataError(place + ": the line has " + std::to_string(tokens.size()) +
                  " tokens, the model was trained for " + std::to_string(longest) +
                  " at most (data.max_source_length); cut it into sentences");
}

Metrics loss_metrics(SequenceModel& model, data::SequenceLoader& pairs) {
  const at::NoGradGuard no_grad;
  double sum = 0;
  int64_t count = 0;
  while (const auto batch = pairs.next()) {
    const auto hidden = model.hidden({batch->source, batch->source_lengths}, batch->target);
    const auto part = linear_cross_entropy(hidden.flatten(0, 1), model.output_weight(),
                                           model.output_bias(), batch->labels.flatten());
    sum += part.nll, count += part.count;
  }
  const double loss = sum / static_cast<double>(count);
  return {{"loss", loss}, {"perplexity", std::exp(loss)}};
}

TranslateEvaluation evaluate_pairs(const TranslateRecipe& recipe,
                                   const std::vector<SequenceModelPtr>& models,
                                   const data::TextPairsPtr& pairs,
                                   const data::TokenizerPtr& source,
                                   const data::TokenizerPtr& target) {
  std::vector<std::string> texts, expected;
  std::vector<std::vector<int64_t>> sources;
  const auto reader = pairs->read();
  for (data::TextPair pair; reader->next(pair);) {
    texts.push_back(pair.source);
    expected.push_back(pair.target);
    sources.push_back(encode_source(recipe.data, *source, pair.source, pair.place));
  }
  TranslateEvaluation result;
  const auto start = std::chrono::steady_clock::now();
  for (const auto& found : generate(models, sources, search_options(recipe.generate, *target))) {
    result.written.push_back(target->decode(found.front().tokens));
    result.tokens += static_cast<int64_t>(found.front().tokens.size());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  result.metrics = text_metrics(recipe.metric, result.written, expected);
  const auto lead = lead_metrics(recipe.metric, texts, expected);
  result.metrics.insert(result.metrics.end(), lead.begin(), lead.end());
  result.signature = text_signature(recipe.metric);
  return result;
}

}  // namespace heed
