// Text to numbers and back.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "heed/core/fields.h"

namespace heed::data {

/// What a text is cut into: pieces of SentencePiece (unigram, bpe), words, characters, bytes, or the
/// pieces of a vocabulary that others chose, or those of a tokenizer.json (heed/data/json_tokenizer.h),
/// or of a source.spm or target.spm with the numbers of a vocab.json (marian).
enum class TokenizerKind { unigram, bpe, words, characters, bytes, vocabulary, json, marian };
constexpr std::array<const char*, 8> words(TokenizerKind) {
  return {"unigram", "bpe", "words", "characters", "bytes", "vocabulary", "json", "marian"};
}

/// Which Unicode forms become one before a text is cut: NFKC, and what SentencePiece adds to it
/// (unusual spaces and controls); NFKC; none.
enum class TextNormalization { nmt_nfkc, nfkc, identity };
constexpr std::array<const char*, 3> words(TextNormalization) {
  return {"nmt_nfkc", "nfkc", "identity"};
}

/// How a text is cut into pieces; one table of a recipe.
struct TokenizerOptions {
  TokenizerKind kind = TokenizerKind::unigram;
  int64_t size = 8000;     ///< pieces, the four special ones included; bytes: always 260
  bool lowercase = false;  ///< Unicode lower case before anything else
  TextNormalization normalization = TextNormalization::nmt_nfkc;  ///< unigram, bpe
  double coverage = 1;       ///< unigram, bpe: share of the characters seen that get a piece
  bool byte_pieces = false;  ///< unigram, bpe: 256 pieces of a byte each stand for other characters
  int64_t min_count = 1;     ///< words, characters: how often a piece was seen at least
  int64_t lines = 0;         ///< lines that training looks at, drawn from all; 0: all of them
  int64_t rows = 0;          ///< json: of the model's embedding, JsonTokenizer::parse; 0: not known

  template <class Visitor>
  void fields(Visitor&& v) {
    v("kind", kind,
      "unigram or bpe (SentencePiece), words, characters, bytes; of a model that others "
      "trained: vocabulary, a list of pieces; json, a tokenizer.json; marian, SentencePiece's with "
      "a vocab.json");
    if (kind == TokenizerKind::json)
      v("rows", rows,
        "of the model's embedding, which may have more than there are pieces; 0: as many",
        between(0, 1 << 24));
    if (of_others()) return;
    if (kind != TokenizerKind::bytes) {
      v("size", size, "pieces at most, the four special ones included", between(5, 1 << 24));
      v("lines", lines, "lines that training looks at, drawn from all; 0: all",
        between(0, kMostCount));
    }
    v("lowercase", lowercase, "lower case before anything else");
    if (of_sentencepiece()) {
      v("normalization", normalization,
        "Unicode forms that become one: nmt_nfkc (also unusual spaces and controls), nfkc, "
        "identity (none)");
      v("coverage", coverage, "share of the characters seen in training that get a piece",
        between(0.98, 1));
      v("byte_pieces", byte_pieces, "cut other characters into bytes; otherwise they are unknown");
    }
    if (kind == TokenizerKind::words || kind == TokenizerKind::characters)
      v("min_count", min_count, "how often a piece must be seen to get a number",
        between(1, kMostCount));
  }

  /// Whether others made it, so that nothing is learnt and nothing can be chosen.
  bool of_others() const {
    return kind == TokenizerKind::vocabulary || kind == TokenizerKind::json ||
           kind == TokenizerKind::marian;
  }
  bool of_sentencepiece() const {
    return kind == TokenizerKind::unigram || kind == TokenizerKind::bpe;
  }
};

/// Bytes begin .. end - 1 of a text.
struct ByteRange {
  int64_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

/// Pieces of a text, and what of it each stands for.
struct EncodedText {
  std::vector<int64_t> ids;
  std::vector<ByteRange> offsets;  ///< as many
};

/// Cuts text into pieces that have the numbers 0 .. size() - 1. Every function is const and may be
/// called by several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  virtual int64_t size() const = 0;  ///< V, the special pieces included

  /// The numbers of <pad>, <unk>, <s> and </s>: 0, 1, 2, 3 for what train_tokenizer makes; an
  /// imported vocabulary says its own, -1 where it has none.
  virtual int64_t padding() const = 0;
  virtual int64_t unknown() const = 0;
  virtual int64_t begin() const = 0;
  virtual int64_t end() const = 0;

  /// The numbers of a text's pieces, without begin and end. The text is valid UTF-8 (DataError
  /// names the byte otherwise) and what looks like a special piece in it is ordinary text. What has
  /// no piece becomes unknown(); DataError names it where the vocabulary has no such number.
  virtual std::vector<int64_t> encode(std::string_view text) const = 0;

  /// The same numbers, each with the bytes of `text` as it was given, before lower case and
  /// normalisation. The ranges stand in the text's order, do not overlap and begin and end between
  /// characters (code points); outside of all is only white space, and what normalisation takes out
  /// or makes white space. Where several pieces come from one character, the last has it and those
  /// before are empty at its beginning. Pieces of unigram and bpe have the white space that their
  /// U+2581 stands for, and what was taken out between two pieces belongs to the first. Throws as
  /// encode.
  virtual EncodedText encode_with_offsets(std::string_view text) const = 0;

  /// The text again. Padding, begin and end are left out and unknown() is shown as U+2047. Throws
  /// UsageError for a number outside 0 .. size() - 1. decode(encode(text)) == text for characters
  /// (those that have a number) and bytes, and for unigram and bpe without normalisation where all
  /// characters have a piece or there are byte_pieces, but for U+2581, which stands for a space
  /// there; words are joined by one space. Numbers of bytes that form no character give U+FFFD.
  virtual std::string decode(const std::vector<int64_t>& ids) const = 0;

  /// A piece as it is written, U+2581 for the space of unigram and bpe. Throws UsageError.
  virtual std::string piece(int64_t id) const = 0;
  /// Its number, special pieces included; unknown() where there is none.
  virtual int64_t id(std::string_view piece) const = 0;

  /// The bytes that load_tokenizer reads. Of unigram and bpe: SentencePiece's own .model file.
  virtual std::string file() const = 0;
};

using TokenizerPtr = std::shared_ptr<const Tokenizer>;

/// Puts the next line of a text into `line`, without its end; false when there is none.
using Lines = std::function<bool(std::string& line)>;

/// The lines of files one after another, plain or .gz; throws as LineReader does (lines.h).
Lines lines_of(std::vector<std::filesystem::path> files);

/// Makes a tokenizer from text. Equal options and lines give equal bytes.
/// - unigram (Kudo 2018), bpe (Sennrich et al. 2016): SentencePiece (Kudo & Richardson 2018), which
///   holds all lines in memory. Its trainer runs in a child process, because it ends its process
///   over some texts: DataError then. Stretches of more than 1800 characters without a blank are
///   learnt from in parts. U+2585, which it keeps for itself, gets no piece, and every other character of
///   the text does (within `coverage`), tabs too. Throws FileError that names the Debian package
///   where the library is absent.
/// - words: what stands between white space (Unicode's White_Space), the most frequent first, equal
///   ones by their bytes; characters: code points likewise, the line feed always among them, so
///   that a text of several lines can be told too. Cost: O(bytes), memory of the distinct pieces.
/// - bytes: 256 and the special four; reads no line.
/// `seed` draws the lines where options.lines asks for some. Throws ModelError that names
/// the field: out of range, more pieces than the text yields (with the largest possible size);
/// DataError for a text without a character, and what `lines` throws.
TokenizerPtr train_tokenizer(const TokenizerOptions& options, const Lines& lines,
                             uint64_t seed = 0);

/// The tokenizer whose file() gave `bytes`; `name` stands in messages. For unigram and bpe any
/// .model file of SentencePiece; for vocabulary what vocabulary_tokenizer takes; for json what
/// as_tokenizer makes of a tokenizer.json; for marian what marian_tokenizer_file gave. Throws DataError: not such a file, damaged, of another
/// kind than options.kind; for json ModelError as JsonTokenizer; FileError as train_tokenizer.
TokenizerPtr load_tokenizer(const TokenizerOptions& options, const std::string& bytes,
                            const std::string& name);

/// A vocabulary of others: `bytes` have a piece a line, the first of number 0. Its texts are pieces
/// with white space between them. <pad> or <blank>, <unk>, <s> and </s> are found by name. Throws
/// DataError: empty, a piece twice (both lines), an empty line, invalid UTF-8.
TokenizerPtr vocabulary_tokenizer(const std::string& bytes, const std::string& name);

/// The bytes of a tokenizer of kind marian, that of transformers' MarianTokenizer: the pieces of a
/// model file of SentencePiece, with the numbers that vocab.json, a JSON object, gives them. Those
/// which it lacks are <unk>. A text may begin with >>CODE<<, a piece of its own. There is no begin.
std::string marian_tokenizer_file(std::string_view vocabulary, std::string_view model);

}  // namespace heed::data
