// Tokenizers of kind marian: pieces of SentencePiece, numbers of a vocab.json.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "data/text.h"
#include "data/vocabulary.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

constexpr std::string_view kMarianFile = "heed-marian 1 ";
constexpr std::string_view kBlankPiece = "\u2581";

/// The pieces by their numbers. Throws DataError unless these are 0 .. V - 1, each once.
Vocabulary marian_vocabulary(std::string_view json, const std::string& name) {
  const auto wrong = [&](const auto&... what) {
    return DataError(text_of(name, ": vocab.json ", what...));
  };
  const auto read = nlohmann::json::parse(json, nullptr, false);
  if (!read.is_object() || read.empty()) throw wrong("is no JSON object of pieces and numbers");
  std::vector<std::string> pieces(read.size());
  std::vector<bool> taken(read.size());
  for (const auto& [piece, number] : read.items()) {
    const auto id = number.is_number_integer() ? number.get<int64_t>() : int64_t{-1};
    if (id < 0 || id >= std::ssize(pieces) || taken[size_t(id)])
      throw wrong("gives the piece '", piece, "' the number ", number.dump(),
                  "; expected each of 0 to ", pieces.size() - 1, " once");
    taken[size_t(id)] = true, pieces[size_t(id)] = piece;
  }
  return Vocabulary(std::move(pieces));
}

class MarianTokenizer : public Tokenizer {
 public:
  MarianTokenizer(std::string bytes, TokenizerPtr model, Vocabulary vocabulary,
                  const std::string& name)
      : bytes_(std::move(bytes)), model_(std::move(model)), vocabulary_(std::move(vocabulary)) {
    padding_ = vocabulary_.find("<pad>"), end_ = vocabulary_.find("</s>");
    unknown_ = vocabulary_.find("<unk>");
    if (unknown_ < 0 || end_ < 0)
      throw DataError(name + ": vocab.json lacks the piece " + (unknown_ < 0 ? "<unk>" : "</s>"));
    for (int64_t id = 0; id < model_->size(); ++id) {
      const auto found = vocabulary_.find(model_->piece(id));
      numbers_.push_back(found < 0 ? unknown_ : found);
    }
  }

  int64_t size() const override { return vocabulary_.size(); }
  int64_t padding() const override { return padding_; }
  int64_t unknown() const override { return unknown_; }
  int64_t begin() const override { return -1; }
  int64_t end() const override { return end_; }

  std::vector<int64_t> encode(std::string_view text) const override {
    return encode_with_offsets(text).ids;
  }

  EncodedText encode_with_offsets(std::string_view text) const override {
    const auto code = language_code(text);
    auto result = model_->encode_with_offsets(text.substr(code.size()));
    const auto ours = static_cast<int64_t>(code.size());
    for (size_t i = 0; i < result.ids.size(); ++i) {
      auto& range = result.offsets[i];
      range.begin += ours, range.end += ours;
      auto& id = result.ids[i];
      id = id == model_->unknown()
               ? number_of(text.substr(size_t(range.begin), size_t(range.end - range.begin)))
               : numbers_[size_t(id)];
    }
    if (code.empty()) return result;
    const auto number = vocabulary_.find(code);
    result.ids.insert(result.ids.begin(), number < 0 ? unknown_ : number);
    result.offsets.insert(result.offsets.begin(), ByteRange{0, ours});
    return result;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::string pieces;
    for (const int64_t id : ids)
      if (id != padding_ && id != end_) pieces.append(id == unknown_ ? kUnknownText : piece(id));
    std::string text;
    for (size_t at = 0; at < pieces.size();) {
      const bool blank = pieces.compare(at, kBlankPiece.size(), kBlankPiece) == 0;
      if (!blank) text.push_back(pieces[at]);
      if (blank && !text.empty()) text.push_back(' ');
      at += blank ? kBlankPiece.size() : 1;
    }
    while (text.ends_with(' ')) text.pop_back();
    return text;
  }

  std::string piece(int64_t id) const override {
    check_id(id, size());
    return vocabulary_.piece(id);
  }
  int64_t id(std::string_view piece) const override {
    const auto found = vocabulary_.find(piece);
    return found < 0 ? unknown_ : found;
  }
  std::string file() const override { return bytes_; }

 private:
  /// ">>fr<<" before a text, which says what to translate into; empty where it has none.
  static std::string_view language_code(std::string_view text) {
    const auto end = text.starts_with(">>") ? text.find("<<") : text.npos;
    return end == text.npos ? std::string_view() : text.substr(0, end + 2);
  }
  /// Of what the model has no piece for, and the vocabulary may: a character of the other language.
  int64_t number_of(std::string_view text) const {
    std::string piece;
    for (const char c : text) c == ' ' ? piece.append(kBlankPiece) : piece.append(1, c);
    return id(piece);
  }

  std::string bytes_;
  TokenizerPtr model_;
  Vocabulary vocabulary_;
  int64_t padding_ = -1, unknown_ = -1, end_ = -1;
  std::vector<int64_t> numbers_;  // of the model's pieces
};

}  // namespace

std::string marian_tokenizer_file(std::string_view vocabulary, std::string_view model) {
  return text_of(kMarianFile, vocabulary.size(), "\n", vocabulary, model);
}

TokenizerPtr load_marian_tokenizer(const std::string& bytes, const std::string& name) {
  const auto line = bytes.find('\n');
  size_t length = 0;
  const char* const first = bytes.data() + kMarianFile.size();
  const bool begins = bytes.starts_with(kMarianFile) && line != bytes.npos;
  if (!begins || std::from_chars(first, bytes.data() + line, length).ptr != bytes.data() + line ||
      length > bytes.size() - line - 1)
    throw DataError(name + ": expected a tokenizer of kind marian, which begins with '" +
                    std::string(kMarianFile) + "'");
  auto vocabulary = marian_vocabulary(std::string_view(bytes).substr(line + 1, length), name);
  auto model =
      load_sentencepiece({.kind = TokenizerKind::unigram}, bytes.substr(line + 1 + length), name);
  return std::make_shared<MarianTokenizer>(bytes, std::move(model), std::move(vocabulary), name);
}

}  // namespace heed::data
