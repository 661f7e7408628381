// Texts of a column, or two texts as a pair, cut into pieces.
#include "heed/core/error.h"
#include "heed/data/sequence_loader.h"
#include "heed/data/tokenizer.h"
#include "tasks/inputs.h"
#include "tasks/record_split.h"

namespace heed {
namespace {

constexpr const char* kTextTokenizer = "text.tokenizer";
constexpr int64_t kTextExample = 32;

struct TextInputOptions {
  std::string column = "text";
  std::string second;
  data::TokenizerOptions tokenizer;
  int64_t max_length = 0;
  std::string too_long = "refuse";

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the text");
    v("second", second, "column of a second text, which is read behind the first; empty: none");
    v("tokenizer", tokenizer, "");
    v("max_length", max_length, "tokens of an example at most, <s> and </s> included; 0: any",
      at_least(0));
    if (max_length > 0)
      v("too_long", too_long, "examples of more tokens: refused, or cut at the end",
        OneOf{{"refuse", "cut"}});
  }
};

/// What splits share with their input, which learns after the first was opened.
struct TextState {
  TextInputOptions options;
  data::TokenizerPtr tokenizer;
};

/// <s> text </s>, or <s> text </s> second </s>.
class TextSplit : public RecordSplit {
 public:
  TextSplit(data::RecordsPtr records, std::shared_ptr<const TextState> state)
      : RecordSplit(std::move(records)), state_(std::move(state)) {
    text_ = this->records().column(state_->options.column);
    if (!state_->options.second.empty())
      second_ = this->records().column(state_->options.second);
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw&) const override {
    std::vector<std::vector<int64_t>> tokens, segments;
    for (const int64_t example : examples) {
      auto encoded = encode(example);
      tokens.push_back(std::move(encoded.tokens)), segments.push_back(std::move(encoded.segments));
    }
    auto [padded, lengths] =
        data::pad_sequences(tokens, std::max<int64_t>(0, state_->tokenizer->padding()));
    Batch batch{{{"tokens", padded}, {"lengths", lengths}}, at::tensor(examples, at::kLong)};
    if (second_ >= 0) batch.tensors["segments"] = data::pad_sequences(segments, 0).first;
    return batch;
  }

  Shown show(int64_t example) const override {
    Shown shown{std::string(records().text(example, text_))};
    if (second_ >= 0) shown.text += " | " + std::string(records().text(example, second_));
    shown.tokenizer = state_->options.tokenizer.kind;
    const auto& tokenizer = *state_->tokenizer;
    for (const int64_t token : encode(example).tokens) {
      shown.tokens.push_back({tokenizer.piece(token)});
      shown.tokens.back().special = token == tokenizer.begin() || token == tokenizer.end();
    }
    return shown;
  }

  /// Bytes stand for tokens, whose number is not known before there is a tokenizer.
  int64_t length(int64_t example) const override {
    return 1 + std::ssize(records().text(example, text_)) +
           (second_ >= 0 ? std::ssize(records().text(example, second_)) : 0);
  }

 private:
  struct Encoded {
    std::vector<int64_t> tokens, segments;
  };

  Encoded encode(int64_t example) const {
    const auto& tokenizer = *state_->tokenizer;
    Encoded result{{tokenizer.begin()}, {0}};
    append(result, example, text_, 0);
    if (second_ >= 0) append(result, example, second_, 1);
    const auto most = state_->options.max_length;
    if (most == 0 || std::ssize(result.tokens) <= most) return result;
    if (state_->options.too_long == "refuse")
      throw DataError(place(example) + ": the text has " + std::to_string(result.tokens.size()) +
                      " tokens, expected at most input.max_length = " + std::to_string(most) +
                      "; raise it, shorten the text, or set input.too_long = \"cut\"");
    result.tokens.resize(static_cast<size_t>(most)), result.segments.resize(static_cast<size_t>(most));
    return result;
  }

  void append(Encoded& to, int64_t example, int64_t column, int64_t segment) const {
    std::vector<int64_t> tokens;
    try {
      tokens = state_->tokenizer->encode(records().text(example, column));
    } catch (const DataError& error) {
      throw DataError(place(example) + ": " + error.what());
    }
    tokens.push_back(state_->tokenizer->end());
    to.tokens.insert(to.tokens.end(), tokens.begin(), tokens.end());
    to.segments.resize(to.tokens.size(), segment);
  }

  std::shared_ptr<const TextState> state_;
  int64_t text_, second_ = -1;
};

class TextInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    TextInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    return std::make_shared<TextSplit>(source.records, state_);
  }

  void learn(const Split& train, uint64_t seed) override {
    int64_t next = 0;
    const auto& options = state_->options;
    const bool pair = !options.second.empty();
    state_->tokenizer = data::train_tokenizer(
        options.tokenizer,
        [&](std::string& line) {
          const int64_t example = pair ? next / 2 : next;
          if (example == train.size()) return false;
          line = train.value(example, pair && next % 2 ? options.second : options.column);
          ++next;
          return true;
        },
        seed);
  }
  Files files() const override { return {{kTextTokenizer, state_->tokenizer->file()}}; }
  void load(const Files& files) override {
    const auto found = files.find(kTextTokenizer);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks its tokenizer, the file ") + kTextTokenizer);
    state_->tokenizer = data::load_tokenizer(state_->options.tokenizer, found->second, kTextTokenizer);
  }

  Sizes sizes() const override {
    return {{"vocabulary", {state_->tokenizer->size()}},
            {"segments", {state_->options.second.empty() ? 0 : 2}},
            {"unknown", {state_->tokenizer->unknown()}}};
  }
  std::string default_encoder() const override { return "text"; }
  std::string line_column() const override {
    return state_->options.second.empty() ? state_->options.column : "";
  }
  Batch example() const override {
    Batch batch{{{"tokens", at::zeros({1, kTextExample}, at::kLong)},
                 {"lengths", at::full({1}, kTextExample, at::kLong)}},
                at::zeros({1}, at::kLong)};
    if (!state_->options.second.empty())
      batch.tensors["segments"] = at::zeros({1, kTextExample}, at::kLong);
    return batch;
  }

 private:
  std::shared_ptr<TextState> state_ = std::make_shared<TextState>();
};

}  // namespace

std::shared_ptr<Input> make_text_input() { return std::make_shared<TextInput>(); }

}  // namespace heed
