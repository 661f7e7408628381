// Training a language model, and what a trained one does.
#include "heed/tasks/language.h"

#include <ATen/record_function.h>

#include "heed/core/error.h"
#include "heed/ops/cross_entropy.h"
#include "tasks/language_text.h"
#include "tasks/text_folder.h"
#include "tasks/text_search.h"

namespace heed {
namespace {

constexpr const char* kTokenizer = "text.tokenizer";

SequenceModelPtr model_of(const LanguageRecipe& recipe, const data::Tokenizer& tokenizer) {
  if (recipe.model.kind != "transformer") {
    throw ModelError("model.kind: a language model is a transformer, given " + recipe.model.kind);
  }
  if (recipe.model.transformer.encoder_layers() > 0) {
    throw ModelError("model.encoder_layers: a language model reads no source; expected 0, given " +
                     std::to_string(recipe.model.transformer.encoder_layers()));
  }
  auto model = make_text_model(recipe.model, tokenizer.size(), 0);
  const int64_t max_positions = model->max_positions();
  if (max_positions > 0 && max_positions < recipe.data.context) {
    throw ModelError("data.context is " + std::to_string(recipe.data.context) +
                     ", but the model has positions for " + std::to_string(max_positions) +
                     " tokens; raise these, or lower data.context");
  }
  return model;
}

class LanguageTask : public Task {
 public:
  explicit LanguageTask(const LanguageRecipe& recipe) : recipe_(recipe) {
    const auto& data = recipe_.data;
    if (data.train.empty()) throw ModelError("data.train is missing: the text to learn");
    train_ = read_plain_text(data.train);
    if (data.holdout > 0) std::tie(train_, valid_.emplace()) = split_text(train_, data.holdout);
    if (!data.valid.empty()) valid_ = read_plain_text(data.valid);
    if (!data.test.empty()) test_ = read_plain_text(data.test);
    const auto seed = static_cast<uint64_t>(recipe_.seed);
    tokenizer_ = data::train_tokenizer(data.tokenizer, lines_of(train_), seed);
    at::manual_seed(seed);
    model_ = model_of(recipe_, *tokenizer_);
    stream_ = data::read_tokens(lines_of(train_), *tokenizer_);
    const int64_t windows = std::max<int64_t>(1, recipe_.train.batch / data.context);
    if (model_->is_stateful()) {
      rows_.emplace(stream_, windows, data.context);
    } else {
      windows_.emplace(
          stream_, data::WindowOptions{
                       .length = data.context, .batch = windows, .shuffle = true, .seed = seed});
    }
  }

  torch::nn::Module& model() override { return *model_; }
  std::vector<RecipeEntry> recipe() const override { return list_fields(recipe_); }
  std::map<std::string, std::string> files() const override {
    return {{kTokenizer, tokenizer_->file()}};
  }

  Metrics dataset_stats() const override {
    Metrics stats{{"characters to learn", static_cast<double>(train_.characters())},
                  {"tokens of these", static_cast<double>(stream_->size())},
                  {"pieces of the vocabulary", static_cast<double>(tokenizer_->size())},
                  {"batches per epoch", static_cast<double>(batches())}};
    if (valid_) {
      stats.emplace_back("characters to validate by", static_cast<double>(valid_->characters()));
    }
    return stats;
  }

  int64_t batches() const override { return rows_ ? rows_->batches() : windows_->batches(); }
  data::Cursor cursor() const override { return rows_ ? cursor_ : windows_->cursor(); }

  /// A stateful model begins anew there: its memory came from weights that are gone.
  void seek(const data::Cursor& cursor) override {
    model_->reset_state();
    if (windows_) return windows_->seek(cursor);
    cursor_ = cursor;
  }

  BatchLoss next() override {
    const auto tokens = next_tokens();  // (B, L + 1)
    const int64_t length = tokens.size(1) - 1;
    const auto hidden = model_->hidden({}, tokens.narrow(1, 0, length));
    const auto found = linear_cross_entropy(
        hidden.flatten(0, 1), model_->output_weight(), model_->output_bias(),
        tokens.narrow(1, 1, length).flatten(), {recipe_.train.label_smoothing});
    return {found.loss / static_cast<double>(found.count), found.count, records_};
  }

  const char* unit() const override { return "tokens"; }
  std::string record_name(int64_t record) const override {
    return train_.name + " token " + std::to_string(record);
  }

  SelectionMetric selection_metric() const override { return {"loss", false}; }
  std::optional<Metrics> validate() override { return metrics_of(valid_); }
  std::optional<Metrics> test() override { return metrics_of(test_); }

 private:
  at::Tensor next_tokens() {
    RECORD_USER_SCOPE("heed::data");
    return rows_ ? next_rows() : next_windows();
  }

  at::Tensor next_windows() {
    auto batch = windows_->next();
    if (!batch) batch = windows_->next();
    const auto* first = batch->starts.data_ptr<int64_t>();
    records_ = {first, first + batch->starts.numel()};
    return batch->tokens;
  }

  at::Tensor next_rows() {
    if (cursor_.position == rows_->batches()) cursor_ = {cursor_.epoch + 1, 0};
    if (cursor_.position == 0) model_->reset_state();
    records_ = {cursor_.position * recipe_.data.context};
    return rows_->window(cursor_.position++);
  }

  std::optional<Metrics> metrics_of(const std::optional<PlainText>& text) {
    if (!text) return std::nullopt;
    return evaluate_text(*model_, *text, *tokenizer_, recipe_.data.context).metrics();
  }

  LanguageRecipe recipe_;
  PlainText train_;
  std::optional<PlainText> valid_, test_;
  data::TokenizerPtr tokenizer_;
  data::TokenStream stream_;
  SequenceModelPtr model_;
  std::optional<data::WindowLoader> windows_;
  std::optional<RowWindows> rows_;
  data::Cursor cursor_;
  std::vector<int64_t> records_;
};

}  // namespace

void LanguageData::check() const {
  if (!valid.empty() && holdout > 0) {
    throw ModelError("both valid and holdout are given; the best model is chosen by one of them");
  }
}

LanguageRecipe::LanguageRecipe() {
  train.batch = 4096;
  model.transformer.preset("gpt");
  generate.sample(true);
}

std::unique_ptr<Task> make_task(const LanguageRecipe& recipe) {
  try {
    return std::make_unique<LanguageTask>(recipe);
  } catch (const UsageError& error) {  // the recipe gave the arguments
    throw ModelError(error.what());
  }
}

LanguageModel LanguageModel::load(const std::filesystem::path& where,
                                  const std::vector<std::string>& set) {
  const auto folder = TextFolder::open(where);
  LanguageModel loaded;
  loaded.recipe_ = folder.recipe<LanguageRecipe>(set);
  loaded.tokenizer_ = folder.tokenizer(loaded.recipe_.data.tokenizer, kTokenizer);
  loaded.model_ = model_of(loaded.recipe_, *loaded.tokenizer_);
  folder.load(*loaded.model_);
  return loaded;
}

LanguageEvaluation LanguageModel::evaluate(const std::filesystem::path& text) {
  return evaluate_text(*model_, read_plain_text(text), *tokenizer_, recipe_.data.context);
}

std::vector<Hypothesis> LanguageModel::write(const std::string& text,
                                             const std::string& place) const {
  std::vector<int64_t> tokens;
  try {
    tokens = tokenizer_->encode(text.empty() ? "\n" : text);
  } catch (const DataError& error) {
    throw DataError(place + ": " + error.what());
  }
  if (tokens.empty()) {
    throw DataError(place + ": nothing in the text has a token; a language model goes on from one");
  }
  auto options = search_options(recipe_.generate, *tokenizer_);
  options.begin(tokens.front()).end(-1).prefixes({{tokens.begin() + 1, tokens.end()}});
  options.max_length(std::max<int64_t>(1, options.max_length() - 1));
  auto found = generate({model_}, {}, options).front();
  for (auto& each : found) each.tokens.insert(each.tokens.begin(), tokens.front());
  return found;
}

}  // namespace heed
