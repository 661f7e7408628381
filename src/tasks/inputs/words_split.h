// Sentences of words, an example each or one for each of their predicates.
#pragma once

#include <array>
#include <optional>

#include "data/vocabulary.h"
#include "heed/core/fields.h"
#include "heed/data/offsets.h"
#include "heed/data/word_features.h"
#include "tasks/record_split.h"

namespace heed {

/// Where a text is cut into words.
enum class WordCut { unicode, space, character };
constexpr std::array<const char*, 3> words(WordCut) { return {"unicode", "space", "character"}; }

struct WordsInputOptions {
  std::string column = "form";
  WordCut cut = WordCut::unicode;
  std::string predicate, roles = "args";
  std::vector<std::string> also;
  bool lowercase = true;
  int64_t min_count = 2;
  int64_t size = 0;
  data::WordFeatureOptions features;
  bool pieces = false;
  data::TokenizerOptions tokenizer{.kind = data::TokenizerKind::json};

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the words: a list, or a text that is cut into words");
    v("cut", cut,
      "a text into words: by Unicode's word boundaries, at white space, or each character alone");
    v("predicate", predicate,
      "list whose items other than _ mark predicates: an example a predicate; empty: an example a "
      "record");
    if (!predicate.empty())
      v("roles", roles, "list with a column for each predicate, of which an example has its own");
    if (predicate.empty())
      v("pieces", pieces,
        "whether a word is read as the pieces of model.from's tokenizer, of which the first has "
        "its "
        "tag; so by default where that model reads texts");
    if (pieces) {
      v("tokenizer", tokenizer, "");
      return;
    }
    v("also", also, "lists, one item a word, that are read as features of words, as upos");
    v("lowercase", lowercase, "of the vocabulary; features have their own");
    v("min_count", min_count, "how often training has a word that gets a number",
      between(1, kMostCount));
    v("size", size, "words with a number at most, the most frequent ones; 0: any",
      between(0, kMostCount));
    v("features", features, "");
  }
  void check() const {
    check_apart({{"column", {column}}, {"predicate", {predicate}}, {"also", also}});
  }

  bool has_features() const {
    if (pieces) return false;
    return features.prefix() > 0 || features.suffix() > 0 || features.shape() ||
           features.max_ngram() > 0 || !also.empty();
  }
};

/// What splits share with their input, which learns after the first was opened.
struct WordsState {
  WordsInputOptions options;
  std::optional<data::Vocabulary> words;  ///< behind the special pieces
  data::TokenizerPtr tokenizer;           ///< of pieces
  std::optional<data::Vocabulary> also;   ///< "column=item"; rows behind those of `features`
  std::optional<data::WordFeatures> features;

  int64_t number(std::string_view word) const;  ///< data::kUnknown of a word without one
};

/// The batch: tokens (B, L), lengths (B); with features (B, L, F), -1: none; with predicates
/// segments (B, L), 1 where the example's predicate stands.
///
/// Of pieces: tokens of <s>, the words with a space between them, </s>; word_pieces (B, W), where each
/// word's first piece stands, and word_lengths (B). A word without a piece has an unknown one.
///
/// values(): of the column `predicate` _ but for the example's own, of `roles` its own.
class WordsSplit : public RecordSplit {
 public:
  /// `unmarked`: records without a predicate are an example, too, so that answers lack none.
  WordsSplit(data::RecordsPtr records, std::shared_ptr<const WordsState> state, bool unmarked);

  int64_t size() const override { return std::ssize(examples_); }
  std::string place(int64_t example) const override;
  int64_t record(int64_t example) const override { return at(example).record; }
  int64_t length(int64_t example) const override;
  Shown show(int64_t example) const override;
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  std::vector<TokenPlace> read_tokens(int64_t example) const override;
  std::string value(int64_t example, const std::string& column, const Draw& draw) const override;
  std::vector<std::string> values(int64_t example, const std::string& column) const override;

  /// Words of all records.
  int64_t words() const;

 private:
  struct Example {
    int64_t record, predicate = -1, number = 0;  // word, and its number among the predicates
  };
  const Example& at(int64_t example) const { return examples_.at(static_cast<size_t>(example)); }
  struct Pieces {
    std::vector<int64_t> tokens, first;  ///< first: of each word
    std::vector<int64_t> word;           ///< of each token; -1: of none
  };
  Pieces pieces_of(int64_t record) const;
  Batch piece_batch(const std::vector<int64_t>& examples) const;
  void find_predicates(int64_t record, bool unmarked);
  std::vector<std::string_view> words_of(int64_t record) const;
  std::string role_of(const Example& example, std::string_view cell) const;
  at::Tensor features(const std::vector<int64_t>& examples,
                      const std::vector<std::vector<std::string_view>>& sentences,
                      int64_t length) const;

  std::shared_ptr<const WordsState> state_;
  int64_t column_;
  bool is_list_;
  std::vector<Example> examples_;
};

}  // namespace heed
