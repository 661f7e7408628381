// Text to text (translations, summaries, answers): the recipe, the task that trains, the trained
// model that answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heed/data/parallel_text.h"
#include "heed/data/sequence_loader.h"
#include "heed/data/tokenizer.h"
#include "heed/models/generate.h"
#include "heed/tasks/task_recipe.h"
#include "heed/tasks/text_metric.h"
#include "heed/tasks/text_model.h"
#include "heed/train/task.h"

namespace heed {

/// [data]: see data::PairOptions for what a split may be.
struct TranslateData {
  static constexpr const char* kTask = "translate";

  std::vector<std::string> train, valid, test;
  data::PairOptions pairs;
  data::SequenceOptions batches;
  bool share_vocabulary = false;
  data::TokenizerOptions source, target;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("train", train, "[source, target] files of a sentence a line, or one file with both");
    v("valid", valid, "pairs that choose the best model");
    v("test", test, "pairs that are only used at the end");
    pairs.fields(v);
    batches.fields(v);
    v("share_vocabulary", share_vocabulary,
      "one tokenizer, made of both sides as data.source says");
    v("source", source, "");
    if (!share_vocabulary) v("target", target, "");
  }
};

struct TranslateRecipe : TaskRecipe<TranslateData, TextModelOptions> {
  GenerateOptions generate;
  TextMetricOptions metric;

  TranslateRecipe();

  template <class Visitor>
  void fields(Visitor&& v) {
    TaskRecipe::fields(v);
    v("generate", generate, "");
    v("metric", metric, "");
  }
};

/// What a model makes of pairs.
struct TranslateEvaluation {
  /// A line per pair that was measured, in the order of the corpus: read, expected and written.
  std::vector<std::string> sources, targets, written;
  /// Pairs that were not measured, by data.skip_empty and data.skip_too_long.
  int64_t left_out_empty = 0, left_out_longer = 0;
  Metrics metrics;        ///< text_metrics, lead_metrics, loss (nats per target token), perplexity
  std::string signature;  ///< see text_signature
  int64_t tokens = 0;     ///< written
  double seconds = 0;     ///< of the search
};

/// A trained model with its tokenizers, in evaluation mode.
class Translator {
 public:
  /// Throws ModelError, FileError. `set` changes keys of the recipe: "generate.beam=8".
  static Translator load(const std::filesystem::path& where,
                         const std::vector<std::string>& set = {});

  const TranslateRecipe& recipe() const { return recipe_; }
  const data::Tokenizer& source() const { return *source_; }
  const data::Tokenizer& target() const { return *target_; }
  SequenceModel& model() { return *model_; }
  const SequenceModelPtr& shared_model() const { return model_; }

  /// A line's tokens as the model reads them. Throws DataError (`place` names the line) for invalid
  /// UTF-8 and for more tokens than data.max_source_length, with both numbers.
  std::vector<int64_t> encode(const std::string& line, const std::string& place) const;
  /// A translation's tokens.
  std::vector<int64_t> encode_target(const std::string& line, const std::string& place) const;

  /// As the recipe's [generate] says: for each line its translations, best first. `prefixes`: none,
  /// or one per line, with which its translations begin.
  std::vector<std::vector<Hypothesis>> translate(
      const std::vector<std::vector<int64_t>>& sources,
      const std::vector<std::vector<int64_t>>& prefixes = {}) const;
  /// log p of each token of the given translations, then of their end.
  std::vector<std::vector<double>> score(const std::vector<std::vector<int64_t>>& sources,
                                         const std::vector<std::vector<int64_t>>& targets) const;
  /// Answers the sources and compares with the targets; `split` as in [data]. Limits, batches and
  /// what is left out are those of training. Throws DataError.
  TranslateEvaluation evaluate(const std::vector<std::string>& split) const;
  /// From now on both models translate together: the mean of their probabilities. Throws ModelError
  /// for other vocabularies.
  void join(const Translator& other);

 private:
  Translator() = default;
  TranslateRecipe recipe_;
  data::TokenizerPtr source_, target_;
  SequenceModelPtr model_;
  std::vector<SequenceModelPtr> others_;
  std::vector<SequenceModelPtr> models() const;
};

/// Opens the pairs, makes the tokenizers, and builds the model from the recipe's seed. Throws
/// DataError, FileError, ModelError.
std::unique_ptr<Task> make_task(const TranslateRecipe& recipe);

}  // namespace heed
