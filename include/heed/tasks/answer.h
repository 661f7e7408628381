// Questions about stories to answers: the recipe, the task that trains it, the trained model.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "heed/data/stories.h"
#include "heed/models/query_reduction.h"
#include "heed/tasks/task_recipe.h"
#include "heed/train/task.h"

namespace heed {

/// [data]: files that data::read_stories reads. Relative paths start at the current folder.
struct AnswerData {
  static constexpr const char* kTask = "answer";

  std::string train, valid, test;
  double holdout = 0;
  int64_t max_length = 0;
  std::vector<std::string> entity_permutation, words, answers;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("train", train, "stories with questions and answers, plain or .gz");
    v("valid", valid, "those that choose the best model; instead of holdout");
    v("test", test, "those that are only used at the end");
    v("holdout", holdout, "share of train's questions, the last ones, held out to choose the model",
      from_to_below(0, 1));
    v("max_length", max_length, "sentences before a question that are kept, the last ones; 0: all",
      at_least(0));
    v("entity_permutation", entity_permutation,
      "groups of words that change places while stories are learned, a text each");
    v("words", words, "the vocabulary; empty: as found in train");
    v("answers", answers, "the answers that can be given; empty: as found in train");
  }
  void check() const;
};

struct AnswerRecipe : TaskRecipe<AnswerData, QueryReductionOptions> {};

/// What a model makes of questions whose answers are known.
struct AnswerScore {
  int64_t questions = 0;
  int64_t right = 0;
  int64_t unknown = 0;  ///< questions whose answer training did not have: never right
  double loss = 0;      ///< mean cross entropy of the others, nats

  double accuracy() const;
  Metrics metrics() const { return {{"accuracy", accuracy()}, {"loss", loss}}; }
};

/// A model with the words and answers that it knows; in evaluation mode.
class Answerer {
 public:
  /// Untrained, from a recipe in which data.words and data.answers are filled in. Throws ModelError
  /// where one is missing or the options do not fit each other.
  explicit Answerer(const AnswerRecipe& recipe);
  /// From a model folder or run folder. Throws ModelError, FileError.
  static Answerer load(const std::filesystem::path& where);

  const AnswerRecipe& recipe() const { return recipe_; }
  const std::vector<std::string>& answers() const { return recipe_.data.answers; }
  StoryAnswerer& model() { return model_; }

  /// Stories as this model reads them: its words, its longest story.
  data::StorySet read(const data::Stories& stories) const;
  /// softmax of the logits: (B, K).
  at::Tensor probabilities(const data::StoryBatch& batch);
  /// Throws DataError for a set without questions.
  AnswerScore evaluate(const data::StorySet& set);

 private:
  AnswerRecipe recipe_;
  StoryAnswerer model_{nullptr};
};

/// Opens the recipe's data, fills in what the recipe leaves to the data, and builds the model from
/// the recipe's seed. Held out are the last questions of train, because those of one story stand
/// together. Throws DataError, FileError, ModelError.
std::unique_ptr<Task> make_task(const AnswerRecipe& recipe);

}  // namespace heed
