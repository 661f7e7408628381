// Tokenizers of kind words, characters and bytes.
#include "core/lower_case.h"
#include "core/utf8.h"
#include "data/text.h"
#include "data/vocabulary.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr int64_t kBytes = 256;

/// What the special pieces of Heed's own tokenizers have in common.
class OwnTokenizer : public Tokenizer {
 public:
  explicit OwnTokenizer(bool lowercase) : lowercase_(lowercase) {}
  int64_t padding() const override { return kPadding; }
  int64_t unknown() const override { return kUnknown; }
  int64_t begin() const override { return kBegin; }
  int64_t end() const override { return kEnd; }

  std::vector<int64_t> encode(std::string_view text) const override {
    check_utf8(text, "encode");
    return lowercase_ ? encode_checked(lower_case(text), nullptr) : encode_checked(text, nullptr);
  }

  EncodedText encode_with_offsets(std::string_view text) const override {
    check_utf8(text, "encode");
    EncodedText result;
    const auto lower = lowercase_ ? lower_case_with_origins(text) : LowerCase();
    result.ids = encode_checked(lowercase_ ? lower.text : text, &result.offsets);
    to_original(result.offsets, text, lower.origins);
    return result;
  }

 protected:
  /// Also the bytes of each piece, where somebody wants them.
  virtual std::vector<int64_t> encode_checked(std::string_view text,
                                              std::vector<ByteRange>* offsets) const = 0;

 private:
  bool lowercase_;
};

/// Calls take(piece) for each word or character of a text.
template <class Take>
void cut(std::string_view text, bool words, Take&& take) {
  if (words) {
    for (const auto word : split_at_space(text)) take(word);
    return;
  }
  while (!text.empty()) {
    const std::string_view before = text;
    take_character(text);
    take(before.substr(0, before.size() - text.size()));
  }
}

class VocabularyTokenizer : public OwnTokenizer {
 public:
  VocabularyTokenizer(const TokenizerOptions& options, Vocabulary vocabulary)
      : OwnTokenizer(options.lowercase), kind_(options.kind), vocabulary_(std::move(vocabulary)) {}

  int64_t size() const override { return vocabulary_.size(); }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string text;
    for (const int64_t id : ids) {
      check_id(id, size());
      if (id == kPadding || id == kBegin || id == kEnd) continue;
      if (words() && !text.empty()) text += ' ';
      text += id == kUnknown ? kUnknownText : vocabulary_.piece(id);
    }
    return text;
  }

  std::string piece(int64_t id) const override { return vocabulary_.piece(id); }
  int64_t id(std::string_view piece) const override {
    const int64_t found = vocabulary_.find(piece);
    return found < 0 ? int64_t{kUnknown} : found;
  }
  std::string file() const override { return vocabulary_.file(word_of(kind_)); }

 protected:
  std::vector<int64_t> encode_checked(std::string_view text,
                                      std::vector<ByteRange>* offsets) const override {
    std::vector<int64_t> ids;
    cut(text, words(), [&](std::string_view piece) {
      const int64_t found = vocabulary_.find(piece);
      ids.push_back(found < kSpecials ? int64_t{kUnknown} : found);
      if (offsets) offsets->push_back(range_in(text, piece));
    });
    return ids;
  }

 private:
  bool words() const { return kind_ == TokenizerKind::words; }

  TokenizerKind kind_;
  Vocabulary vocabulary_;
};

class ByteTokenizer : public OwnTokenizer {
 public:
  using OwnTokenizer::OwnTokenizer;
  int64_t size() const override { return kSpecials + kBytes; }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string bytes;
    for (const int64_t id : ids) {
      check_id(id, size());
      if (id >= kSpecials) bytes += static_cast<char>(id - kSpecials);
      if (id == kUnknown) bytes += kUnknownText;
    }
    if (invalid_utf8(bytes) == std::string::npos) return bytes;
    std::string text;
    std::string_view rest = bytes;
    while (!rest.empty()) append_utf8(text, take_character(rest));
    return text;
  }

  std::string piece(int64_t id) const override {
    check_id(id, size());
    if (id < kSpecials) return kSpecialPieces[id];
    constexpr const char* kDigits = "0123456789ABCDEF";
    const int64_t byte = id - kSpecials;
    return std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + '>';
  }

  int64_t id(std::string_view piece) const override {
    for (int64_t i = 0; i < size(); ++i)
      if (this->piece(i) == piece) return i;
    return kUnknown;
  }

  std::string file() const override {
    return Vocabulary({std::begin(kSpecialPieces), std::end(kSpecialPieces)}).file("bytes");
  }

 protected:
  std::vector<int64_t> encode_checked(std::string_view text,
                                      std::vector<ByteRange>* offsets) const override {
    std::vector<int64_t> ids;
    ids.reserve(text.size());
    for (const char c : text) {
      ids.push_back(kSpecials + static_cast<uint8_t>(c));
      if (offsets) offsets->push_back({std::ssize(ids) - 1, std::ssize(ids)});
    }
    return ids;
  }
};

bool is_special(std::string_view piece) {
  for (const char* special : kSpecialPieces)
    if (piece == special) return true;
  return false;
}

}  // namespace

TokenizerPtr train_vocabulary(const TokenizerOptions& options, const Lines& lines) {
  std::unordered_map<std::string, int64_t> counts;
  std::string line;
  while (lines(line)) {
    check_utf8(line, "tokenizer: a line of its text");
    const std::string text = options.lowercase ? lower_case(line) : line;
    cut(text, options.kind == TokenizerKind::words,
        [&](std::string_view piece) { ++counts[std::string(piece)]; });
  }
  if (counts.empty()) {
    throw DataError(std::string("tokenizer: the text to learn ") + word_of(options.kind) +
                    " from holds none");
  }
  std::vector<std::pair<std::string, int64_t>> found;
  const bool characters = options.kind == TokenizerKind::characters;
  for (auto& [piece, count] : counts) {
    const bool given_anyway = characters && piece == "\n";
    if (count >= options.min_count && !is_special(piece) && !given_anyway) {
      found.emplace_back(piece, count);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::vector<std::string> pieces(std::begin(kSpecialPieces), std::end(kSpecialPieces));
  if (characters) pieces.emplace_back("\n");
  for (auto& [piece, count] : found) {
    if (static_cast<int64_t>(pieces.size()) == options.size) break;
    pieces.push_back(std::move(piece));
  }
  return std::make_shared<VocabularyTokenizer>(options, Vocabulary(std::move(pieces)));
}

TokenizerPtr load_vocabulary(const TokenizerOptions& options, const std::string& bytes,
                             const std::string& name) {
  auto vocabulary = Vocabulary::parse(bytes, word_of(options.kind), name);
  if (options.kind != TokenizerKind::bytes) {
    return std::make_shared<VocabularyTokenizer>(options, std::move(vocabulary));
  }
  if (vocabulary.size() != kSpecials) {
    throw DataError(name + ": a tokenizer of bytes lists its 4 special pieces, given " +
                    std::to_string(vocabulary.size()));
  }
  return byte_tokenizer(options);
}

TokenizerPtr byte_tokenizer(const TokenizerOptions& options) {
  return std::make_shared<ByteTokenizer>(options.lowercase);
}

}  // namespace heed::data
