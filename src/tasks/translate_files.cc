#include "tasks/translate_files.h"

#include <algorithm>
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

data::SequenceOptions batch_options(const TranslateRecipe& recipe) {
  auto options = recipe.data.batches;
  options.tokens = recipe.train.batch;
  return options;
}

MeasuredPairs::MeasuredPairs(const TranslateRecipe& recipe, data::TextPairsPtr corpus,
                             data::TokenizerPtr of_sources, data::TokenizerPtr of_targets)
    : pairs(std::move(corpus)),
      source(std::move(of_sources)),
      target(std::move(of_targets)),
      loader(pairs, source, target, batch_options(recipe)) {}

namespace {

/// The numbers of the pairs that are in the loader's batches, in the order of the corpus.
std::vector<int64_t> numbers_of(data::SequenceLoader& loader) {
  std::vector<int64_t> numbers;
  while (const auto batch = loader.next()) {
    const auto* first = batch->indices.data_ptr<int64_t>();
    numbers.insert(numbers.end(), first, first + batch->indices.numel());
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

TranslateEvaluation evaluate_pairs(const TranslateRecipe& recipe,
                                   const std::vector<SequenceModelPtr>& models,
                                   MeasuredPairs& measured) {
  TranslateEvaluation result;
  const auto numbers = numbers_of(measured.loader);
  result.left_out_empty = measured.loader.counts().left_out_empty;
  result.left_out_longer = measured.loader.counts().left_out_longer;
  std::vector<std::vector<int64_t>> sources;
  const auto reader = measured.pairs->read();
  data::TextPair pair;
  for (int64_t number = 0; reader->next(pair); ++number) {
    if (!std::binary_search(numbers.begin(), numbers.end(), number)) continue;
    sources.push_back(encode_source(recipe.data, *measured.source, pair.source, pair.place));
    result.sources.push_back(std::move(pair.source));
    result.targets.push_back(std::move(pair.target));
  }
  const auto start = std::chrono::steady_clock::now();
  for (const auto& found :
       generate(models, sources, search_options(recipe.generate, *measured.target))) {
    result.written.push_back(measured.target->decode(found.front().tokens));
    result.tokens += static_cast<int64_t>(found.front().tokens.size());
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  result.seconds = seconds.count();
  result.metrics = text_metrics(recipe.metric, result.written, result.targets);
  const auto lead = lead_metrics(recipe.metric, result.sources, result.targets);
  result.metrics.insert(result.metrics.end(), lead.begin(), lead.end());
  result.signature = text_signature(recipe.metric);
  return result;
}

}  // namespace heed
