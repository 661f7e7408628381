// Language models: the recipe, the task that trains one, the trained model that writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heed/data/tokenizer.h"
#include "heed/models/generate.h"
#include "heed/tasks/task_recipe.h"
#include "heed/tasks/text_model.h"
#include "heed/train/task.h"

namespace heed {

/// [data]: one text, plain or .gz, a split. Lines are joined by line feeds as they stand.
struct LanguageData {
  static constexpr const char* kTask = "language";

  std::string train, valid, test;
  double holdout = 0;
  int64_t context = 256;
  data::TokenizerOptions tokenizer;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("train", train, "text that is learned");
    v("valid", valid, "text that chooses the best model; instead of holdout");
    v("test", test, "text that is only used at the end");
    v("holdout", holdout, "last share of train (of its characters) that is held out as valid",
      from_to_below(0, 1));
    v("context", context, "tokens of a window", at_least(1));
    v("tokenizer", tokenizer, "");
  }
  void check() const;
};

struct LanguageRecipe : TaskRecipe<LanguageData, TextModelOptions> {
  GenerateOptions generate;

  LanguageRecipe();

  template <class Visitor>
  void fields(Visitor&& v) {
    TaskRecipe::fields(v);
    v("generate", generate, "");
  }
};

/// What a model makes of a text: every token is predicted once, from those before it in its window.
struct LanguageEvaluation {
  int64_t tokens = 0, characters = 0;
  double loss = 0;  ///< sum over the tokens of -log p, nats

  /// loss (nats per token), perplexity = e^loss, nats_per_character.
  Metrics metrics() const;
};

/// A trained model of a text with its tokenizer, in evaluation mode.
class LanguageModel {
 public:
  /// Throws ModelError, FileError. `set` changes keys of the recipe: "generate.top_k=5".
  static LanguageModel load(const std::filesystem::path& where,
                            const std::vector<std::string>& set = {});

  const LanguageRecipe& recipe() const { return recipe_; }
  const data::Tokenizer& tokenizer() const { return *tokenizer_; }
  SequenceModel& model() { return *model_; }
  const SequenceModelPtr& shared_model() const { return model_; }

  LanguageEvaluation evaluate(const std::filesystem::path& text);
  /// Goes on from a text, as the recipe's [generate] says; hypotheses begin with it. An empty text
  /// stands for a line feed. Throws DataError (`place` names it) for a text without a token.
  std::vector<Hypothesis> write(const std::string& text, const std::string& place) const;

 private:
  LanguageModel() = default;
  LanguageRecipe recipe_;
  data::TokenizerPtr tokenizer_;
  SequenceModelPtr model_;
};

/// Opens the text, makes the tokenizer, and builds the model from the recipe's seed. Throws
/// DataError, FileError, ModelError.
std::unique_ptr<Task> make_task(const LanguageRecipe& recipe);

}  // namespace heed
