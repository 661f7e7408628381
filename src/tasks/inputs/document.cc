// Long texts of a column as sentences of words.
#include "heed/core/error.h"
#include "heed/data/offsets.h"
#include "heed/data/sequence_loader.h"
#include "heed/data/tokenizer.h"
#include "tasks/inputs.h"
#include "tasks/inputs/tokenizer_file.h"
#include "tasks/record_split.h"

namespace heed {
namespace {

constexpr const char* kDocumentTokenizer = "text.tokenizer";
constexpr int64_t kDocumentSentences = 8, kDocumentWords = 16;

struct DocumentInputOptions {
  std::string column = "text";
  data::TokenizerOptions tokenizer;
  int64_t max_sentences = 0, max_words = 0;

  DocumentInputOptions() { tokenizer.kind = data::TokenizerKind::words; }

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the text");
    v("tokenizer", tokenizer, "");
    v("max_sentences", max_sentences, "of a document that are read, the first; 0: all",
      between(0, kMostLength));
    v("max_words", max_words, "tokens of a sentence that are read, the first; 0: all",
      between(0, kMostLength));
  }
};

struct DocumentState {
  DocumentInputOptions options;
  data::TokenizerPtr tokenizer;
};

/// tokens (B, S, W), words (B, S), lengths (B): see DocumentEncoder.
class DocumentSplit : public RecordSplit {
 public:
  DocumentSplit(data::RecordsPtr records, std::shared_ptr<const DocumentState> state)
      : RecordSplit(std::move(records)), state_(std::move(state)) {
    text_ = this->records().column(state_->options.column);
  }

  Batch batch(const std::vector<int64_t>& examples, const Draw&) const override {
    std::vector<std::vector<int64_t>> sentences;
    std::vector<int64_t> lengths;
    int64_t longest = 1;
    for (const int64_t example : examples) {
      auto own = encode(example);
      lengths.push_back(std::ssize(own));
      longest = std::max(longest, std::ssize(own));
      std::move(own.begin(), own.end(), std::back_inserter(sentences));
    }
    // Every document gets `longest` sentences, those behind its own without words.
    std::vector<std::vector<int64_t>> rows;
    auto next = sentences.begin();
    for (const int64_t length : lengths) {
      for (int64_t i = 0; i < longest; ++i)
        rows.push_back(i < length ? std::move(*next++) : std::vector<int64_t>());
    }
    auto [tokens, words] =
        data::pad_sequences(rows, std::max<int64_t>(0, state_->tokenizer->padding()));
    const auto B = std::ssize(examples);
    return {{{"tokens", tokens.view({B, longest, -1})},
             {"words", words.view({B, longest})},
             {"lengths", at::tensor(lengths, at::kLong)}},
            at::tensor(examples, at::kLong)};
  }

  Shown show(int64_t example) const override {
    const auto text = records().text(example, text_);
    Shown shown{std::string(text)};
    for (const auto& sentence : data::sentences_with_offsets(text))
      shown.tokens.push_back({std::string(sentence.text), sentence.begin, sentence.end});
    return shown;
  }
  int64_t length(int64_t example) const override {
    return 1 + std::ssize(records().text(example, text_));
  }

 private:
  std::vector<std::vector<int64_t>> encode(int64_t example) const {
    const auto& options = state_->options;
    std::vector<std::vector<int64_t>> rows;
    for (const auto& sentence : data::sentences_with_offsets(records().text(example, text_))) {
      if (options.max_sentences > 0 && std::ssize(rows) == options.max_sentences) break;
      auto tokens = state_->tokenizer->encode(sentence.text);
      if (tokens.empty()) continue;
      if (options.max_words > 0 && std::ssize(tokens) > options.max_words)
        tokens.resize(static_cast<size_t>(options.max_words));
      rows.push_back(std::move(tokens));
    }
    return rows;
  }

  std::shared_ptr<const DocumentState> state_;
  int64_t text_;
};

class DocumentInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    DocumentInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    return std::make_shared<DocumentSplit>(source.records, state_);
  }
  void learn(const Split& train, uint64_t seed) override {
    int64_t next = 0;
    state_->tokenizer = data::train_tokenizer(
        state_->options.tokenizer,
        [&](std::string& line) {
          if (next == train.size()) return false;
          line = train.value(next++, state_->options.column);
          return true;
        },
        seed);
  }
  Files files() const override { return {{kDocumentTokenizer, state_->tokenizer->file()}}; }
  void load(const Files& files) override {
    const auto found = files.find(kDocumentTokenizer);
    if (found == files.end())
      throw ModelError(std::string("the model folder lacks its tokenizer, the file ") +
                       kDocumentTokenizer);
    state_->tokenizer =
        data::load_tokenizer(state_->options.tokenizer, found->second, kDocumentTokenizer);
  }

  Sizes sizes() const override { return {{"documents", {state_->tokenizer->size()}}}; }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    return {piece_numbers("tokens", *state_->tokenizer)};
  }
  std::string default_encoder() const override { return "document"; }
  std::vector<std::string> text_columns() const override { return {state_->options.column}; }
  std::string line_column() const override { return state_->options.column; }
  Batch example() const override {
    return {{{"tokens", at::zeros({1, kDocumentSentences, kDocumentWords}, at::kLong)},
             {"words", at::full({1, kDocumentSentences}, kDocumentWords, at::kLong)},
             {"lengths", at::full({1}, kDocumentSentences, at::kLong)}},
            at::zeros({1}, at::kLong)};
  }

 private:
  std::shared_ptr<DocumentState> state_ = std::make_shared<DocumentState>();
};

}  // namespace

std::shared_ptr<Input> make_document_input() { return std::make_shared<DocumentInput>(); }

}  // namespace heed
