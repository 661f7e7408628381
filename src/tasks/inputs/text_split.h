// Texts as pieces: one, one behind another, or two that are read apart.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "heed/core/fields.h"
#include "heed/data/json_tokenizer.h"
#include "heed/data/word_features.h"
#include "tasks/record_split.h"

namespace heed {

/// What the names of a pair's tensors begin with.
inline constexpr const char* kPairPrefix = "pair.";

/// Examples of more tokens than there may be.
enum class TooLong { refuse, cut };
constexpr std::array<const char*, 2> words(TooLong) { return {"refuse", "cut"}; }

struct TextInputOptions {
  std::string column = "text";
  std::string second, pair;
  data::TokenizerOptions tokenizer;
  data::WordFeatureOptions features =
      data::WordFeatureOptions().prefix(0).suffix(0).shape(false).max_ngram(0);
  int64_t max_length = 0;
  TooLong too_long = TooLong::refuse;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("column", column, "of the text");
    v("second", second, "column of a second text, which is read behind the first; empty: none");
    v("pair", pair,
      "column of a text that belongs to it and is read by itself, for embeddings; empty: none");
    v("tokenizer", tokenizer, "");
    if (tokenizer.kind == data::TokenizerKind::words) v("features", features, "");
    v("max_length", max_length, "tokens of an example at most, <s> and </s> included; 0: any",
      between(0, kMostLength));
    if (max_length > 0)
      v("too_long", too_long, "examples of more tokens: refused, or cut at the end");
  }
  void check() const;

  bool has_features() const {
    return tokenizer.kind == data::TokenizerKind::words &&
           (features.prefix() > 0 || features.suffix() > 0 || features.shape() ||
            features.max_ngram() > 0);
  }
  /// All columns of texts.
  std::vector<std::string> columns() const;
};

/// What input.too_long = "cut" has cut off in batches.
struct CutTexts {
  std::atomic<int64_t> examples = 0, tokens = 0, longest = 0;

  void add(int64_t whole, int64_t kept);
  /// "3 texts were cut to input.max_length = 256 tokens, ..."; empty: none was.
  std::string note(int64_t most) const;
};

/// What splits share with their input, which learns after the first was opened.
struct TextState {
  TextInputOptions options;
  data::TokenizerPtr tokenizer;
  data::JsonTokenizerPtr json;  ///< null for tokenizers of other kinds
  std::optional<data::WordFeatures> features;
  mutable CutTexts cut;
  bool tells_whole = false;  ///< whether batches have kWholeLengths
};

/// <s> text </s>, or <s> text </s> second </s>; of a tokenizer.json what its post-processor makes of them, the type ids
/// as segments: special tokens are found in texts, and cutting (from the longer text, at its truncation_side) leaves
/// those that are put in. The batch: tokens (B, L), lengths (B); with a second text segments (B, L), with features
/// features (B, L, F), -1: none. The same of the pair's text as pair.tokens and so on.
class TextSplit : public RecordSplit {
 public:
  /// `lone`: records may lack the pair's column; there is then nothing of a pair.
  TextSplit(data::RecordsPtr records, std::shared_ptr<const TextState> state, bool lone);

  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override;
  Shown show(int64_t example) const override;
  TextTokens text_tokens(int64_t example, const std::string& column) const override;
  /// Bytes stand for tokens, whose number is not known before there is a tokenizer.
  int64_t length(int64_t example) const override;

 private:
  struct Encoded {
    std::vector<int64_t> tokens, segments;
    std::vector<int64_t> texts;           // which one a token is of; -1: none, it was put in
    std::vector<std::string_view> words;  // of each token; empty: it has no features
    int64_t whole = 0;                    // tokens before they were cut
  };
  /// Of the texts of those columns, one behind another.
  Encoded encode(int64_t example, const std::vector<int64_t>& columns) const;
  /// Of a text, with places in it, without begin and end.
  data::EncodedText pieces(int64_t example, int64_t column) const;
  void append(Encoded& to, int64_t example, int64_t column, int64_t segment) const;
  /// By the tokenizer.json, cut.
  data::Encoding encode_by_file(int64_t example, const std::vector<int64_t>& columns,
                                int64_t& whole) const;
  int64_t place_pieces(int64_t example, const std::string& column, int64_t begin,
                       Shown& shown) const;
  TextTokens tokens_by_file(int64_t example, bool is_second) const;
  void check_length(int64_t example, int64_t whole) const;
  void add(Batch& batch, const std::string& prefix, const std::vector<int64_t>& examples,
           const std::vector<int64_t>& columns) const;

  std::shared_ptr<const TextState> state_;
  std::vector<int64_t> read_;  // columns
  int64_t pair_ = -1;
};

}  // namespace heed
