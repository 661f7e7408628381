// Texts of a column, or two texts as a pair, cut into pieces.
#include "heed/core/error.h"
#include "tasks/inputs.h"
#include "tasks/inputs/cut_texts.h"
#include "tasks/inputs/text_split.h"
#include "tasks/inputs/tokenizer_file.h"

namespace heed {
namespace {

constexpr const char* kTextTokenizer = "text.tokenizer";
constexpr int64_t kTextExample = 32, kTextExampleFeatures = 16;

class TextInput : public Input, public CutsTexts {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    TextInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    return std::make_shared<TextSplit>(source.records, state_, source.role == "input");
  }

  int64_t most_tokens() const override { return options().max_length; }
  SplitPtr open_cut(const data::RecordsPtr& records) const override {
    auto state = std::make_shared<TextState>();
    state->options = options(), state->options.too_long = TooLong::cut;
    state->tokenizer = state_->tokenizer, state->json = state_->json;
    state->features = state_->features, state->tells_whole = true;
    return std::make_shared<TextSplit>(records, std::move(state), true);
  }

  void learn(const Split& train, uint64_t seed) override {
    int64_t next = 0;
    const auto columns = options().columns();
    state_->tokenizer = data::train_tokenizer(
        options().tokenizer,
        [&](std::string& line) {
          const int64_t example = next / std::ssize(columns);
          if (example == train.size()) return false;
          line = train.value(example, columns[static_cast<size_t>(next % std::ssize(columns))]);
          ++next;
          return true;
        },
        seed);
    make_features();
  }
  Files files() const override {
    Files files = beside_;
    files.emplace(kTextTokenizer, state_->tokenizer->file());
    return files;
  }
  void load(const Files& files) override {
    state_->tokenizer = tokenizer_file(files, kTextTokenizer, options().tokenizer);
    state_->json = data::json_tokenizer_of(state_->tokenizer);
    for (const char* name : data::kTokenizerFiles)
      if (const auto found = files.find(name); state_->json && found != files.end())
        beside_.insert(*found);
    make_features();
  }
  std::string note() const override { return state_->cut.note(options().max_length); }
  data::TokenizerPtr tokenizer() const override { return state_->tokenizer; }

  Sizes sizes() const override {
    Sizes sizes{{"vocabulary", {state_->tokenizer->size()}},
                {"segments", {options().second.empty() ? 0 : 2}},
                {"unknown", {state_->tokenizer->unknown()}}};
    if (state_->features) sizes["features"] = {state_->features->rows()};
    return sizes;
  }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    const auto& own = *state_->tokenizer;
    return {piece_numbers("tokens", own), piece_numbers(std::string(kPairPrefix) + "tokens", own)};
  }
  std::string default_encoder() const override { return "text"; }
  std::vector<std::string> text_columns() const override { return options().columns(); }
  std::string line_column() const override {
    return options().second.empty() ? options().column : "";
  }
  Batch example() const override {
    Batch batch{{}, at::zeros({1}, at::kLong)};
    add_example(batch, "");
    if (!options().pair.empty()) add_example(batch, kPairPrefix);
    return batch;
  }

 private:
  const TextInputOptions& options() const { return state_->options; }
  void make_features() {
    state_->features.reset();
    if (options().has_features()) state_->features.emplace(options().features);
  }
  void add_example(Batch& batch, const std::string& prefix) const {
    batch.tensors[prefix + "tokens"] = at::zeros({1, kTextExample}, at::kLong);
    batch.tensors[prefix + "lengths"] = at::full({1}, kTextExample, at::kLong);
    if (!options().second.empty())
      batch.tensors[prefix + "segments"] = at::zeros({1, kTextExample}, at::kLong);
    if (state_->features)
      batch.tensors[prefix + "features"] =
          at::zeros({1, kTextExample, kTextExampleFeatures}, at::kLong);
  }

  Files beside_;  // a tokenizer.json, as they lay there
  std::shared_ptr<TextState> state_ = std::make_shared<TextState>();
};

}  // namespace

std::shared_ptr<Input> make_text_input() { return std::make_shared<TextInput>(); }

}  // namespace heed
