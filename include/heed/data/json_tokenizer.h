// Hugging Face's tokenizer.json: text to ids and back, as the library tokenizers 0.23 does it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heed/data/tokenizer.h"

namespace heed::data {

/// Code points begin .. end - 1 of a text.
struct CharacterRange {
  int64_t begin = 0, end = 0;
  bool operator==(const CharacterRange&) const = default;
};

/// The tokens of a text or of a pair of texts; every list has an entry a token.
struct Encoding {
  std::vector<int64_t> ids;
  std::vector<std::string> tokens;  ///< as they are written
  std::vector<int64_t> type_ids;    ///< 0, and mostly 1 for the second text
  std::vector<CharacterRange>
      offsets;  ///< in its text, as tokenizers gives them; (0, 0) where it comes from none
  std::vector<ByteRange> byte_offsets;  ///< the same in bytes
  std::vector<int64_t> words;  ///< the number of its piece of the text, -1 for what was put in
  std::vector<int64_t> sequence_ids;         ///< 0 first text, 1 second text, -1 put in
  std::vector<int64_t> special_tokens_mask;  ///< 1: put in by the post-processor or as padding
  std::vector<int64_t> attention_mask;       ///< 0: padding
  std::vector<Encoding> overflowing;  ///< what truncation cut off, in as many parts as needed
};

/// The files beside a tokenizer.json that say which tokens have a role.
inline constexpr std::array<const char*, 2> kTokenizerFiles = {"tokenizer_config.json",
                                                               "special_tokens_map.json"};

enum class Side { left, right };

/// How a text is cut to a length. A pair's longer text is cut first by `longest_first`, both when they are equally long.
struct Truncation {
  enum class Strategy { longest_first, only_first, only_second };
  int64_t max_length = 512;  ///< tokens, those that are put in included
  int64_t stride = 0;        ///< tokens that the next overflowing part repeats
  Strategy strategy = Strategy::longest_first;
  Side direction = Side::right;
};

/// How a text is filled to a length.
struct Padding {
  std::optional<int64_t> length = {};  ///< fixed; without it as long as the longest of a batch
  int64_t multiple_of = 0;             ///< rounded up to a multiple; 0: not
  Side direction = Side::right;
  int64_t id = 0, type_id = 0;
  std::string token = "[PAD]";
};

struct EncodeOptions {
  bool add_special_tokens = true;
  /// A special token that stands in the text is ordinary text (set_encode_special_tokens of tokenizers).
  bool split_special_tokens = false;
  std::optional<Truncation> truncation = {};
  std::optional<Padding> padding = {};
};

/// Tokens with a role, as tokenizer_config.json and special_tokens_map.json name them; what they leave out is found among the
/// special tokens by the names that these roles have in BERT, RoBERTa, T5, Llama, GPT-2, Qwen and Gemma.
struct SpecialTokens {
  std::optional<std::string> begin, end, unknown, separator, padding, classification, mask;
  std::vector<std::string> additional;
};

/// A token that is found in texts before the model sees them.
struct AddedToken {
  int64_t id = -1;
  std::string content;
  bool single_word = false;             ///< only where no word character stands beside it
  bool lstrip = false, rstrip = false;  ///< takes the white space before, behind it
  bool normalized = true;               ///< is found in the normalized text
  bool special = false;                 ///< is left out by decode
};

/// A tokenizer of a file. Every function is const and may be called by several threads at once.
///
/// Ids, tokens and offsets equal those of tokenizers 0.23 (Rust, Python), down to the Unicode versions of its parts: all
/// normalizers, pre-tokenizers, models, post-processors and decoders of that version. Regular expressions have Oniguruma's
/// syntax; back references, calls, conditions, \K, \X and the extended form are refused. BPE's dropout is refused unless it is
/// 0. Of scripts in regular expressions the characters of Unicode 16 are known as far as ICU knows them, and those of Han and
/// Latin always.
class JsonTokenizer {
 public:
  /// A folder with tokenizer.json and, where they are there, tokenizer_config.json and special_tokens_map.json (of transformers
  /// 4 or 5), or a tokenizer.json itself. Throws FileError, and ModelError that names the file and the place in it: no JSON,
  /// wrong types, unknown keys, a component that is not known (the known ones are listed), an id twice, a merge of unknown
  /// tokens, an added token whose id is not what tokenizers gives it, values nested deeper than 64.
  static std::shared_ptr<const JsonTokenizer> open(const std::filesystem::path& path);
  /// The bytes of a tokenizer.json; `name` stands in messages. `beside`: the bytes of tokenizer_config.json and
  /// special_tokens_map.json by their names, where there are such; others are not looked at. `rows`, where it is not 0: what
  /// the model has an embedding for is ids 0 .. rows - 1. Models have rows without a token (rounded up for a device), at most
  /// an eighth of all here, and tokenizers tokens without a row (added for another model), which no text may have then. Throws
  /// ModelError, too, where both cannot belong together: a token of the vocabulary, not an added one, without a row.
  static std::shared_ptr<const JsonTokenizer> parse(
      std::string bytes, const std::string& name,
      const std::map<std::string, std::string>& beside = {}, int64_t rows = 0);
  ~JsonTokenizer();

  /// Throws DataError: no UTF-8, a text of 2^30 bytes or more, what has no token where the model has none for that, a token
  /// without a row; and UsageError for a truncation that cannot be met.
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  Encoding encode_pair(std::string_view first, std::string_view second,
                       const EncodeOptions& options = {}) const;
  /// Only the ids: faster.
  std::vector<int64_t> ids(std::string_view text, const EncodeOptions& options = {}) const;

  /// The text again; ids of no token are left out. Throws UsageError for a number outside 0 .. size() - 1.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special_tokens = true) const;

  int64_t size() const;   ///< rows, where they were given, else the largest id + 1
  int64_t count() const;  ///< how many tokens there are: get_vocab_size of tokenizers
  std::optional<int64_t> id(std::string_view token) const;  ///< also of one without a row
  /// None where the id has no token.
  std::optional<std::string> token(int64_t id) const;
  int64_t unknown() const;  ///< what the model gives for what it does not know; -1 for none

  const std::vector<AddedToken>& added_tokens() const;
  const SpecialTokens& special_tokens() const;
  std::optional<int64_t> model_max_length() const;  ///< of tokenizer_config.json
  Side padding_side() const;
  Side truncation_side() const;
  /// What the file itself says; encode applies them only where it is told to.
  const std::optional<Truncation>& truncation() const;
  const std::optional<Padding>& padding() const;

  const std::string& file() const;  ///< the bytes of tokenizer.json

 private:
  struct Parts;
  explicit JsonTokenizer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

using JsonTokenizerPtr = std::shared_ptr<const JsonTokenizer>;

/// Fills encodings to one length.
void pad(std::span<Encoding> encodings, const Padding& padding);

/// Byte ranges as encode_with_offsets has them: where several tokens come from one character, the last has it.
void set_apart(std::vector<ByteRange>& offsets);

/// The same tokenizer for recipes: special tokens are neither put in nor found in texts; where several tokens come from one
/// character, offsets are as encode_with_offsets says. begin() is the token of begin or classification, end() that of end or
/// separator.
TokenizerPtr as_tokenizer(JsonTokenizerPtr tokenizer);

/// What as_tokenizer was given; null for a tokenizer of another kind.
JsonTokenizerPtr json_tokenizer_of(const TokenizerPtr& tokenizer);

}  // namespace heed::data
