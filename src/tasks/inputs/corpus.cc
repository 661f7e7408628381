// One long text, of which each next token is predicted.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "heed/core/error.h"
#include "tasks/inputs.h"
#include "tasks/inputs/corpus_split.h"
#include "tasks/inputs/prompts.h"
#include "tasks/inputs/tokenizer_file.h"
#include "tasks/share_rows.h"

namespace heed {
namespace {

constexpr const char* kCorpusTokenizer = "text.tokenizer";
constexpr int64_t kMeasuredTokens = 8192;  // of a batch
constexpr int64_t kWindowTokens = 32;

Batch batch_of(const data::WindowBatch& windows) {
  const int64_t length = windows.tokens.size(1) - 1;
  return {{{"target", windows.tokens.narrow(1, 0, length)},
           {"labels", windows.tokens.narrow(1, 1, length)}},
          windows.starts};
}

/// Windows in any order.
class WindowBatches : public BatchSource {
 public:
  WindowBatches(data::TokenStream stream, const data::WindowOptions& options)
      : loader_(std::move(stream), options) {}

  std::optional<Batch> next() override {
    const auto found = loader_.next();
    return found ? std::optional(rows_of(share_, batch_of(*found))) : std::nullopt;
  }
  int64_t batches() const override { return loader_.batches(); }
  data::Cursor cursor() const override { return loader_.cursor(); }
  void seek(const data::Cursor& cursor) override { loader_.seek(cursor); }
  void take(const data::Share& share) override { share_ = share; }

 private:
  data::WindowLoader loader_;
  data::Share share_;
};

/// Windows that go on where those of the last batch ended.
class RowBatches : public BatchSource {
 public:
  explicit RowBatches(RowWindows windows) : windows_(std::move(windows)) {}

  std::optional<Batch> next() override {
    if (cursor_.position == windows_.batches()) {
      cursor_ = {cursor_.epoch + 1, 0};
      return std::nullopt;
    }
    return rows_of(share_, batch_of(windows_.window(cursor_.position++)));
  }
  int64_t batches() const override { return windows_.batches(); }
  data::Cursor cursor() const override { return cursor_; }
  void seek(const data::Cursor& cursor) override {
    if (cursor.position < 0 || cursor.position > windows_.batches())
      throw UsageError("corpus: no batch " + std::to_string(cursor.position) + ", expected 0 .. " +
                       std::to_string(windows_.batches()));
    cursor_ = cursor;
  }
  void take(const data::Share& share) override { share_ = share; }

 private:
  RowWindows windows_;
  data::Share share_;
  data::Cursor cursor_;
};

class CorpusInput : public Input, public Prompts {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override { CorpusOptions(state_->options).fields(lister); }

  SplitPtr open(const Source& source) override {
    return std::make_shared<CorpusSplit>(read_plain_text(path_of(source)), state_);
  }

  void learn(const Split& train, uint64_t seed) override {
    const auto& text = dynamic_cast<const CorpusSplit&>(train).text();
    state_->tokenizer = data::train_tokenizer(state_->options.tokenizer, lines_of(text), seed);
  }
  Files files() const override { return {{kCorpusTokenizer, state_->tokenizer->file()}}; }
  void load(const Files& files) override {
    state_->tokenizer = tokenizer_file(files, kCorpusTokenizer, state_->options.tokenizer);
    if (state_->options.chat) state_->chat = chat_template(files);
  }

  /// Held out is the last share of the characters.
  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t) const override {
    auto [rest, held] = split_text(dynamic_cast<const CorpusSplit&>(*train).text(), fraction);
    return {std::make_shared<CorpusSplit>(std::move(rest), state_),
            std::make_shared<CorpusSplit>(std::move(held), state_)};
  }

  /// Training has windows of options.batch tokens together; what is measured is read once, every
  /// token from those before it in its window, and as one row where rows go on.
  std::unique_ptr<BatchSource> batches(const SplitPtr& split,
                                       const BatchOptions& options) const override {
    const auto& tokens = dynamic_cast<const CorpusSplit&>(*split).tokens();
    const int64_t context = state_->options.context;
    const auto windows = [&](int64_t count) { return std::max<int64_t>(1, count / context); };
    if (!options.training) {
      const int64_t batch = options.contiguous ? 1 : windows(kMeasuredTokens);
      return std::make_unique<WindowBatches>(
          tokens, data::WindowOptions{.length = context, .batch = batch});
    }
    const int64_t batch = windows(options.batch);
    if (options.contiguous) return std::make_unique<RowBatches>(RowWindows(tokens, batch, context));
    return std::make_unique<WindowBatches>(
        tokens, data::WindowOptions{
                    .length = context, .batch = batch, .shuffle = true, .seed = options.seed});
  }

  void check(const SplitPtr& split, const BatchOptions& options) const override {
    batches(split, options);
  }

  std::unique_ptr<Stream> stream(const std::vector<std::string>& inputs) const override {
    return std::make_unique<LineStream>(
        inputs, [this](const TextLine& line) { state_->beginning(line); },
        [this](std::vector<TextLine> lines) { return beginnings(std::move(lines)); });
  }
  SplitPtr texts(std::vector<TextLine> lines) const override {
    return beginnings(std::move(lines));
  }
  SplitPtr find(const std::string& input) const override { return beginnings({find_line(input)}); }
  std::vector<int64_t> prompt_tokens(const std::string& text) const override {
    auto tokens = state_->plain_tokens(text);
    if (tokens.empty())
      throw DataError("nothing in the text has a token; a language model goes on from one");
    return tokens;
  }
  std::vector<int64_t> chat_tokens(const std::vector<data::ChatMessage>& messages) const override {
    if (!state_->chat)
      throw UsageError("the model has no chat template (input.chat); ask for a text to go on from");
    return state_->chat_tokens(messages);
  }

  data::TokenizerPtr target_tokenizer() const override { return state_->tokenizer; }
  std::string target_tokenizer_kind() const override {
    return word_of(state_->options.tokenizer.kind);
  }
  Sizes sizes() const override {
    return {{"target_vocabulary", {state_->tokenizer->size()}},
            {"context", {state_->options.context}}};
  }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    return {piece_numbers("target", *state_->tokenizer)};
  }
  std::string default_encoder() const override { return "none"; }
  bool reads_records(const std::vector<std::string>&) const override { return false; }
  int64_t default_batch() const override { return 4096; }
  const char* unit() const override { return "tokens"; }

  Metrics stats(const Split& split) const override {
    const auto& corpus = dynamic_cast<const CorpusSplit&>(split);
    return {{"characters", static_cast<double>(corpus.text().characters())},
            {"tokens", static_cast<double>(corpus.tokens()->size())},
            {"pieces of the vocabulary", static_cast<double>(state_->tokenizer->size())}};
  }

  Batch example() const override {
    const auto tokens = at::zeros({1, std::min(state_->options.context, kWindowTokens)}, at::kLong);
    return {{{"target", tokens}}, at::zeros({1}, at::kLong)};
  }

  DataReport examine(const Source& source) override {
    const auto text = read_plain_text(path_of(source));
    const auto lines = std::count(text.text.begin(), text.text.end(), '\n');
    DataReport report;
    report.records = lines;
    report.lines = {std::to_string(lines) + " lines",
                    std::to_string(text.characters()) + " characters"};
    report.json = nlohmann::ordered_json{{"characters", text.characters()}}.dump();
    return report;
  }

 private:
  data::ChatTemplatePtr chat_template(const Files& files) const {
    constexpr const char* kRaw = "; for a text to go on from: --set input.chat=false";
    try {
      if (auto found = data::ChatTemplate::of_files(files)) return found;
    } catch (const ModelError& error) {
      throw ModelError(error.what() + std::string(kRaw));
    }
    throw ModelError(
        std::string(
            "input.chat: the folder has no chat template (chat_template.jinja, or chat_template of "
            "tokenizer_config.json)") +
        kRaw);
  }
  static const std::string& path_of(const Source& source) {
    if (source.paths.size() != 1)
      throw ModelError(source.called() + ": expected one text, given " +
                       std::to_string(source.paths.size()) + " files");
    return source.paths.front();
  }
  SplitPtr beginnings(std::vector<TextLine> lines) const {
    return std::make_shared<BeginningSplit>(std::move(lines), state_);
  }

  std::shared_ptr<CorpusState> state_ = std::make_shared<CorpusState>();
};

}  // namespace

std::shared_ptr<Input> make_corpus_input() { return std::make_shared<CorpusInput>(); }

}  // namespace heed
