#include "heed/tasks/answer.h"

#include <cmath>
#include <numeric>

#include "heed/data/entity_permutation.h"
#include "heed/train/model_folder.h"

namespace heed {
namespace {

constexpr int64_t kAnswerSamples = 3;

data::StoryVocabulary vocabulary_of(const AnswerRecipe& recipe) {
  if (recipe.data.words.empty() || recipe.data.answers.empty()) {
    throw ModelError("data.words or data.answers is empty; train writes them into the recipe");
  }
  return {recipe.data.words, recipe.data.answers};
}

StoryAnswerer make_model(const AnswerRecipe& recipe) {
  const auto vocabulary = vocabulary_of(recipe);
  return StoryAnswerer(recipe.model, vocabulary.size(),
                       static_cast<int64_t>(vocabulary.answers.size()));
}

at::Tensor logits_of(StoryAnswerer& model, const data::StoryBatch& batch) {
  const Batch tensors{.tensors = {{"sentences", batch.sentences},
                                  {"story", batch.story},
                                  {"lengths", batch.lengths},
                                  {"questions", batch.questions}},
                      .records = {}};
  return model->forward(tensors).to(at::kFloat);
}

AnswerScore evaluate(StoryAnswerer& model, const data::StorySet& set, int64_t size) {
  const at::NoGradGuard no_grad;
  data::StoryLoader loader(set, size);
  AnswerScore score;
  double loss = 0;
  while (const auto batch = loader.next()) {
    const auto logits = logits_of(model, *batch);  // (B, K)
    loss +=
        at::cross_entropy_loss(logits, batch->answers, {}, at::Reduction::Sum, -1).item<double>();
    score.right += (logits.argmax(1) == batch->answers).sum().item<int64_t>();
    score.unknown += (batch->answers < 0).sum().item<int64_t>();
    score.questions += batch->answers.size(0);
  }
  score.loss = loss / static_cast<double>(std::max<int64_t>(1, score.questions - score.unknown));
  return score;
}

class AnswerTask : public Task {
 public:
  explicit AnswerTask(const AnswerRecipe& recipe) : recipe_(recipe) {
    open_data();
    at::manual_seed(static_cast<uint64_t>(recipe_.seed));
    model_ = make_model(recipe_);
    if (!recipe_.data.entity_permutation.empty())
      permutation_.emplace(recipe_.data.entity_permutation, vocabulary_of(recipe_));
    loader_.emplace(*train_, recipe_.train.batch, true, static_cast<uint64_t>(recipe_.seed),
                    permutation_ ? &*permutation_ : nullptr);
  }

  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override { return list_fields(recipe_); }

  Metrics dataset_stats() const override {
    Metrics all;
    const std::pair<const char*, const std::optional<data::StorySet>*> splits[] = {
        {"train", &train_}, {"valid", &valid_}, {"test", &test_}};
    for (const auto& [split, set] : splits) {
      if (!*set) continue;
      const auto stats = (*set)->stats();
      const auto add = [&](const char* what, int64_t count) {
        all.emplace_back(split + std::string(what), static_cast<double>(count));
      };
      add(" questions", stats.questions);
      add(" sentences in the longest story", stats.longest);
      add(" stories cut to data.max_length", stats.shortened);
      add(" unknown words", stats.unknown_words);
      add(" unknown answers", stats.unknown_answers);
    }
    return all;
  }

  int64_t batches() const override { return loader_->batches(); }
  data::Cursor cursor() const override { return loader_->cursor(); }
  void seek(const data::Cursor& cursor) override { loader_->seek(cursor); }

  BatchLoss next() override {
    auto batch = loader_->next();
    if (!batch) batch = loader_->next();
    const auto loss =
        at::cross_entropy_loss(logits_of(model_, *batch), batch->answers, {}, at::Reduction::Mean,
                               -100, recipe_.train.label_smoothing);
    const auto* first = batch->indices.data_ptr<int64_t>();
    return {loss, batch->indices.numel(), {first, first + batch->indices.numel()}};
  }

  std::string record_name(int64_t record) const override { return train_->name(record); }

  SelectionMetric selection_metric() const override { return {"accuracy", true}; }
  std::optional<Metrics> validate() override {
    if (valid_) answer_samples();
    return metrics_of(valid_);
  }
  std::optional<Metrics> test() override { return metrics_of(test_); }
  std::vector<Sample> samples() const override { return samples_; }

 private:
  std::optional<Metrics> metrics_of(const std::optional<data::StorySet>& set) {
    if (!set) return std::nullopt;
    return evaluate(model_, *set, recipe_.train.batch).metrics();
  }

  void open_data() {
    auto& data = recipe_.data;
    if (data.train.empty()) throw ModelError("data.train is missing: the stories to learn from");
    const auto stories = data::read_stories(data.train);
    const auto found = data::StoryVocabulary::of(stories);
    if (data.words.empty()) data.words = found.words;
    if (data.answers.empty()) data.answers = found.answers;
    train_ = read(stories);
    if (train_->stats().unknown_answers > 0) {
      throw DataError(data.train + ": " + std::to_string(train_->stats().unknown_answers) +
                      " questions have answers that data.answers lacks");
    }
    if (!data.valid.empty()) {
      const auto own = data::read_stories(data.valid);
      valid_ = read(own);
      remember_samples(own, 0);
    }
    if (!data.test.empty()) test_ = read(data::read_stories(data.test));
    if (data.holdout > 0) {
      const auto held = std::llround(data.holdout * static_cast<double>(train_->size()));
      auto [rest, last] = train_->split(train_->size() - std::max<int64_t>(1, held));
      train_ = std::move(rest), valid_ = std::move(last);
      remember_samples(stories, train_->size());
    }
  }

  /// The first validation questions, of which `first` is the number in its file's stories.
  void remember_samples(const data::Stories& stories, int64_t first) {
    const int64_t count = std::min(kAnswerSamples, valid_->size());
    for (int64_t i = first; i < first + count; ++i) {
      const auto& question = stories.questions[static_cast<size_t>(i)];
      samples_.push_back({question.place + " " + question.text, question.answer, ""});
    }
  }

  void answer_samples() {
    const at::NoGradGuard no_grad;
    std::vector<int64_t> numbers(samples_.size());
    std::iota(numbers.begin(), numbers.end(), int64_t{0});
    const auto found = logits_of(model_, valid_->batch(numbers)).argmax(1);
    for (size_t i = 0; i < samples_.size(); ++i) {
      const auto answer = found[static_cast<int64_t>(i)].item<int64_t>();
      samples_[i].output = recipe_.data.answers[static_cast<size_t>(answer)];
    }
  }

  data::StorySet read(const data::Stories& stories) const {
    return {stories, vocabulary_of(recipe_), recipe_.data.max_length};
  }

  AnswerRecipe recipe_;
  std::optional<data::StorySet> train_, valid_, test_;
  StoryAnswerer model_{nullptr};
  std::optional<data::EntityPermutation> permutation_;
  std::optional<data::StoryLoader> loader_;
  std::vector<Sample> samples_;
};

}  // namespace

void AnswerData::check() const {
  if (!valid.empty() && holdout > 0) {
    throw ModelError("both valid and holdout are given; the best model is chosen by one of them");
  }
  for (const auto* list : {&words, &answers}) {
    if (!std::is_sorted(list->begin(), list->end())) {
      throw ModelError("words and answers: expected them in the order of their bytes");
    }
  }
}

double AnswerScore::accuracy() const {
  return static_cast<double>(right) / static_cast<double>(std::max<int64_t>(1, questions));
}

std::unique_ptr<Task> make_task(const AnswerRecipe& recipe) {
  try {
    return std::make_unique<AnswerTask>(recipe);
  } catch (const UsageError& error) {  // the recipe gave the arguments
    throw ModelError(error.what());
  }
}

Answerer::Answerer(const AnswerRecipe& recipe) : recipe_(recipe), model_(make_model(recipe)) {
  model_->eval();
}

Answerer Answerer::load(const std::filesystem::path& where) {
  const auto folder = find_model(where);
  const ModelFiles files = load_model(folder);
  const auto recipe_file = (folder / "recipe.toml").string();
  const auto recipe = read_recipe<AnswerRecipe>(RecipeFile::parse(files.recipe, recipe_file));
  auto answerer = [&] {
    try {
      return Answerer(recipe);
    } catch (const Error& error) {
      throw ModelError(recipe_file + ": " + error.what());
    }
  }();
  load_into(*answerer.model_, files.tensors, folder / "model.safetensors");
  return answerer;
}

data::StorySet Answerer::read(const data::Stories& stories) const {
  return {stories, vocabulary_of(recipe_), recipe_.data.max_length};
}

at::Tensor Answerer::probabilities(const data::StoryBatch& batch) {
  const at::NoGradGuard no_grad;
  return logits_of(model_, batch).softmax(1);
}

AnswerScore Answerer::evaluate(const data::StorySet& set) {
  return heed::evaluate(model_, set, recipe_.train.batch);
}

}  // namespace heed
