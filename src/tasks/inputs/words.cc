// Sentences as words: lists of them, or texts that are cut.
#include <algorithm>
#include <map>

#include "core/lower_case.h"
#include "data/permutation.h"
#include "heed/core/error.h"
#include "tasks/inputs.h"
#include "tasks/inputs/tokenizer_file.h"
#include "tasks/inputs/words_split.h"

namespace heed {
namespace {

constexpr const char* kWordsFile = "words.vocabulary";
constexpr const char* kPiecesFile = "text.tokenizer";
constexpr const char* kAlsoFile = "features.vocabulary";
constexpr int64_t kWordsExample = 24, kWordsExampleFeatures = 32;

using WordCounts = std::map<std::string, int64_t>;

bool is_special_piece(const std::string& word) {
  return std::find(std::begin(data::kSpecialPieces), std::end(data::kSpecialPieces), word) !=
         std::end(data::kSpecialPieces);
}

/// The most frequent first, equal ones by their bytes, behind the special pieces.
data::Vocabulary frequent(const WordCounts& counts, int64_t min_count, int64_t size) {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [word, count] : counts)
    if (count >= min_count && !is_special_piece(word)) order.emplace_back(-count, word);
  std::sort(order.begin(), order.end());
  if (size > 0 && std::ssize(order) > size) order.resize(static_cast<size_t>(size));
  std::vector<std::string> words(std::begin(data::kSpecialPieces), std::end(data::kSpecialPieces));
  for (auto& [count, word] : order) words.push_back(std::move(word));
  return data::Vocabulary(std::move(words));
}

data::Vocabulary vocabulary_file(const Files& files, const char* name) {
  const auto found = files.find(name);
  if (found == files.end())
    throw ModelError(std::string("the model folder lacks its vocabulary, the file ") + name);
  try {
    return data::Vocabulary::parse(found->second, "words", name);
  } catch (const DataError& error) {
    throw ModelError(error.what());
  }
}

class WordsInput : public Input {
 public:
  void read(FieldReader& reader) override { reader.read(state_->options); }
  void list(FieldLister& lister) const override {
    WordsInputOptions(state_->options).fields(lister);
  }

  SplitPtr open(const Source& source) override {
    auto split = std::make_shared<WordsSplit>(source.records, state_, source.role != "train");
    if (split->size() == 0)
      throw DataError(source.records->name() + ": no item of the column '" + options().predicate +
                      "' marks a predicate; every one is _");
    return split;
  }

  void learn(const Split& train, uint64_t) override {
    if (options().pieces)
      throw ModelError(
          "input.pieces: the pieces are those of a model that training begins with; name it by "
          "model.from");
    WordCounts words, also;
    for (int64_t i = 0; i < train.size(); ++i) {
      if (i > 0 && train.record(i) == train.record(i - 1)) continue;
      for (const auto& token : train.show(i).tokens) {
        ++words[options().lowercase ? lower_case(token.text) : token.text];
      }
      for (const auto& column : options().also)
        for (const auto& item : train.values(i, column)) ++also[column + "=" + item];
    }
    if (words.empty()) throw DataError("the training data has no words");
    state_->words = frequent(words, options().min_count, options().size);
    if (!options().also.empty()) state_->also = frequent(also, 1, 0);
    make_features();
  }

  Files files() const override {
    if (options().pieces) return {{kPiecesFile, state_->tokenizer->file()}};
    Files files{{kWordsFile, state_->words->file("words")}};
    if (state_->also) files[kAlsoFile] = state_->also->file("words");
    return files;
  }
  void load(const Files& files) override {
    if (options().pieces) {
      state_->tokenizer = tokenizer_file(files, kPiecesFile, options().tokenizer);
      return;
    }
    state_->words = vocabulary_file(files, kWordsFile);
    if (!options().also.empty()) state_->also = vocabulary_file(files, kAlsoFile);
    make_features();
  }

  /// Sentences are held out whole, with all their predicates.
  std::pair<SplitPtr, SplitPtr> hold_out(const SplitPtr& train, double fraction,
                                         uint64_t seed) const override {
    std::vector<int64_t> first;  // examples of records, and the end
    for (int64_t i = 0; i < train->size(); ++i)
      if (i == 0 || train->record(i) != train->record(i - 1)) first.push_back(i);
    const auto numbers = data::hold_out_numbers(std::ssize(first), fraction, seed);
    first.push_back(train->size());
    const auto of_records = [&](const std::vector<int64_t>& records) {
      std::vector<int64_t> examples;
      for (const int64_t record : records)
        for (int64_t i = first[static_cast<size_t>(record)];
             i < first[static_cast<size_t>(record) + 1]; ++i)
          examples.push_back(i);
      return subset(train, std::move(examples));
    };
    return {of_records(numbers.first), of_records(numbers.second)};
  }

  Sizes sizes() const override {
    if (options().pieces)
      return {{"vocabulary", {state_->tokenizer->size()}},
              {"segments", {0}},
              {"unknown", {state_->tokenizer->unknown()}}};
    Sizes sizes{{"vocabulary", {state_->words->size()}},
                {"segments", {options().predicate.empty() ? 0 : 2}},
                {"unknown", {data::kUnknown}}};
    if (state_->features) sizes["features"] = {feature_rows()};
    return sizes;
  }
  bool has_pieces() const override { return true; }
  std::vector<PieceNumbers> pieces() const override {
    if (options().pieces) return {piece_numbers("tokens", *state_->tokenizer)};
    return {{"tokens", data::kUnknown, {data::kPadding}}};
  }
  std::string default_encoder() const override { return "text"; }
  int64_t default_batch() const override { return 32; }
  std::string line_column() const override {
    return options().predicate.empty() && options().also.empty() ? options().column : "";
  }

  DataReport examine(const Source& source) override {
    DataReport report;
    const WordsSplit split(source.records, state_, source.role != "train");
    report.records = source.records->size();
    report.lines.push_back(std::to_string(report.records) + " sentences, " +
                           std::to_string(split.words()) + " words");
    if (!options().predicate.empty())
      report.lines.push_back(std::to_string(split.size()) + " examples, one a predicate");
    return report;
  }

  Batch example() const override {
    Batch batch{{{"tokens", at::zeros({1, kWordsExample}, at::kLong)},
                 {"lengths", at::full({1}, kWordsExample, at::kLong)}},
                at::zeros({1}, at::kLong)};
    if (options().pieces)
      batch.tensors["word_pieces"] = at::zeros({1, 1}, at::kLong),
      batch.tensors["word_lengths"] = at::ones({1}, at::kLong);
    if (state_->features)
      batch.tensors["features"] = at::zeros({1, kWordsExample, kWordsExampleFeatures}, at::kLong);
    if (!options().predicate.empty())
      batch.tensors["segments"] = at::zeros({1, kWordsExample}, at::kLong);
    return batch;
  }

 private:
  const WordsInputOptions& options() const { return state_->options; }
  int64_t feature_rows() const {
    return state_->features->rows() + (state_->also ? state_->also->size() : 0);
  }
  void make_features() {
    state_->features.reset();
    if (options().has_features()) state_->features.emplace(options().features);
  }

  std::shared_ptr<WordsState> state_ = std::make_shared<WordsState>();
};

}  // namespace

std::shared_ptr<Input> make_words_input() { return std::make_shared<WordsInput>(); }

}  // namespace heed
