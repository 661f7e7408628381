// Pieces with numbers, and the file that holds them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heed/data/tokenizer.h"

namespace heed::data {

/// The numbers of the special pieces of what Heed trains.
enum Special : int64_t { kPadding, kUnknown, kBegin, kEnd, kSpecials };
inline constexpr const char* kSpecialPieces[] = {"<pad>", "<unk>", "<s>", "</s>"};

/// Stands for an unknown piece in a decoded text: U+2047.
inline constexpr const char* kUnknownText = "\xE2\x81\x87";

/// Throws UsageError where `id` is no number of a piece.
void check_id(int64_t id, int64_t size);

class Vocabulary {
 public:
  /// `pieces` differ from each other.
  explicit Vocabulary(std::vector<std::string> pieces);

  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  const std::string& piece(int64_t id) const;
  int64_t find(std::string_view piece) const;  ///< -1 where there is none

  /// "heed-vocabulary 1 KIND", then a piece a line, a line feed in it written \n and a backslash
  /// \\.
  std::string file(const std::string& kind) const;
  /// What file() gave, or DataError.
  static Vocabulary parse(const std::string& bytes, const std::string& kind,
                          const std::string& name);

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::vector<std::string> pieces_;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> ids_;
};

/// Counts words or characters and keeps the most frequent ones, behind the special pieces.
TokenizerPtr train_vocabulary(const TokenizerOptions& options, const Lines& lines);
/// Of kind words, characters or bytes.
TokenizerPtr load_vocabulary(const TokenizerOptions& options, const std::string& bytes,
                             const std::string& name);
TokenizerPtr byte_tokenizer(const TokenizerOptions& options);

/// Of kind unigram or bpe (sentencepiece.cc).
TokenizerPtr train_sentencepiece(const TokenizerOptions& options, const Lines& lines);
TokenizerPtr load_sentencepiece(const TokenizerOptions& options, const std::string& bytes,
                                const std::string& name);

/// Of kind marian.
TokenizerPtr load_marian_tokenizer(const std::string& bytes, const std::string& name);

}  // namespace heed::data
