// Training what answers texts by texts.
#include "heed/tasks/translate.h"

#include <ATen/record_function.h>

#include "heed/core/error.h"
#include "heed/ops/cross_entropy.h"
#include "tasks/translate_files.h"

namespace heed {
namespace {

constexpr size_t kSamples = 3;

class TranslateTask : public Task {
 public:
  explicit TranslateTask(const TranslateRecipe& recipe) : recipe_(recipe) {
    open_data();
    at::manual_seed(static_cast<uint64_t>(recipe_.seed));
    model_ = make_text_model(recipe_.model, target_->size(), source_->size());
    if (!model_->has_encoder()) {
      throw ModelError(
          "model.encoder_layers is 0, but a source needs an encoder; for text alone: "
          "task = \"language\"");
    }
    auto options = batch_options(recipe_);
    options.seed = static_cast<uint64_t>(recipe_.seed);
    options.shuffle = true;
    loader_.emplace(train_, source_, target_, options);
    open_to_measure(recipe_.data.valid, "valid", valid_);
    open_to_measure(recipe_.data.test, "test", test_);
  }

  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override { return list_fields(recipe_); }
  std::map<std::string, std::string> files() const override {
    if (recipe_.data.share_vocabulary) return {{kSharedTokenizer, source_->file()}};
    return {{kSourceTokenizer, source_->file()}, {kTargetTokenizer, target_->file()}};
  }

  Metrics dataset_stats() const override {
    const auto& counts = loader_->counts();
    const auto number = [](int64_t n) { return static_cast<double>(n); };
    Metrics found = {{"pairs to learn from", number(counts.pairs)},
                     {"pairs left out: a side is empty", number(counts.left_out_empty)},
                     {"pairs left out: too long", number(counts.left_out_longer)},
                     {"source tokens", number(counts.source_tokens)},
                     {"target tokens", number(counts.target_tokens)},
                     {"pieces of the source's vocabulary", number(source_->size())},
                     {"pieces of the target's vocabulary", number(target_->size())},
                     {"batches per epoch", number(loader_->batches())}};
    for (const auto& [name, split] : {std::pair("valid", &valid_), std::pair("test", &test_)}) {
      if (!*split) continue;
      const auto& left = (*split)->loader.counts();
      if (const int64_t all = left.left_out_empty + left.left_out_longer; all > 0)
        found.emplace_back(name + std::string(" pairs left out"), number(all));
    }
    return found;
  }

  int64_t batches() const override { return loader_->batches(); }
  data::Cursor cursor() const override { return loader_->cursor(); }
  void seek(const data::Cursor& cursor) override { loader_->seek(cursor); }

  BatchLoss next() override {
    auto batch = next_batch();
    const auto hidden = model_->hidden({batch->source, batch->source_lengths}, batch->target);
    const auto found =
        linear_cross_entropy(hidden.flatten(0, 1), model_->output_weight(), model_->output_bias(),
                             batch->labels.flatten(), {recipe_.train.label_smoothing});
    const auto* first = batch->indices.data_ptr<int64_t>();
    return {found.loss / static_cast<double>(found.count),
            found.count,
            {first, first + batch->indices.numel()},
            {{"pairs", batch->source.size(0)},
             {"source_length", batch->source.size(1)},
             {"source_tokens", batch->source_lengths.sum().item<int64_t>()},
             {"target_length", batch->target.size(1)},
             {"target_tokens", found.count}}};
  }

  const char* unit() const override { return "tokens"; }
  std::string record_name(int64_t record) const override {
    return train_->name() + " pair " + std::to_string(record + 1);
  }

  SelectionMetric selection_metric() const override {
    return text_selection_metric(recipe_.metric);
  }
  std::optional<Metrics> validate() override { return metrics_of(valid_, true); }
  std::optional<Metrics> test() override { return metrics_of(test_, false); }
  std::vector<Sample> samples() const override { return samples_; }

 private:
  std::optional<data::SequenceBatch> next_batch() {
    RECORD_USER_SCOPE("heed::data");
    auto batch = loader_->next();
    return batch ? std::move(batch) : loader_->next();
  }

  /// What is wrong with pairs that are measured is found out before training.
  using Measured = std::optional<MeasuredPairs>;

  void open_to_measure(const std::vector<std::string>& split, const char* name, Measured& opened) {
    if (split.empty()) return;
    opened.emplace(recipe_, open_split(recipe_.data, split, name), source_, target_);
  }

  /// While it trains, answers are written greedily: a metric to compare epochs by.
  std::optional<Metrics> metrics_of(Measured& measured, bool training) {
    if (!measured) return std::nullopt;
    auto metrics = loss_metrics(*model_, measured->loader);
    if (training && recipe_.metric.kind == "loss") return metrics;
    auto recipe = recipe_;
    if (training) recipe.generate.beam_size(1).num_hypotheses(1).sample(false);
    const auto found = evaluate_pairs(recipe, {model_}, *measured);
    if (training) show(found);
    metrics.insert(metrics.begin(), found.metrics.begin(), found.metrics.end());
    return metrics;
  }

  void show(const TranslateEvaluation& found) {
    samples_.clear();
    for (size_t i = 0; i < std::min(kSamples, found.written.size()); ++i)
      samples_.push_back({found.sources[i], found.targets[i], found.written[i]});
  }

  void open_data() {
    const auto& data = recipe_.data;
    if (data.train.empty()) throw ModelError("data.train is missing: the pairs to learn from");
    train_ = open_split(data, data.train, "train");
    const auto seed = static_cast<uint64_t>(recipe_.seed);
    if (data.share_vocabulary) {
      source_ = target_ = data::train_tokenizer(data.source, texts(true, true), seed);
    } else {
      source_ = data::train_tokenizer(data.source, texts(true, false), seed);
      target_ = data::train_tokenizer(data.target, texts(false, true), seed);
    }
  }

  /// The sides of the training pairs, a text after another.
  data::Lines texts(bool sources, bool targets) const {
    struct Reading {
      std::shared_ptr<data::PairReader> reader;
      data::TextPair pair;
      bool target_is_next = false;
    };
    auto reading = std::make_shared<Reading>();
    reading->reader = train_->read();
    return [=](std::string& line) {
      if (reading->target_is_next) {
        reading->target_is_next = false;
        line = reading->pair.target;
        return true;
      }
      if (!reading->reader->next(reading->pair)) return false;
      line = sources ? reading->pair.source : reading->pair.target;
      reading->target_is_next = sources && targets;
      return true;
    };
  }

  TranslateRecipe recipe_;
  data::TextPairsPtr train_;
  Measured valid_, test_;
  data::TokenizerPtr source_, target_;
  SequenceModelPtr model_;
  std::optional<data::SequenceLoader> loader_;
  std::vector<Sample> samples_;
};

}  // namespace

TranslateRecipe::TranslateRecipe() { train.batch = 4096; }

std::unique_ptr<Task> make_task(const TranslateRecipe& recipe) {
  try {
    return std::make_unique<TranslateTask>(recipe);
  } catch (const UsageError& error) {  // the recipe gave the arguments
    throw ModelError(error.what());
  }
}

}  // namespace heed
