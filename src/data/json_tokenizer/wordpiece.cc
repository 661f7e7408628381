// WordPiece (Schuster & Nakajima 2012): the longest token that a word begins with, then the longest that goes on, ...
#include <algorithm>

#include "data/json_tokenizer/model.h"
#include "data/json_tokenizer/trie.h"
#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {
namespace {

struct WordPieceOptions {
  std::string unknown, prefix;
  size_t most_characters;
};

class WordPiece : public Model {
 public:
  WordPiece(TokenTable tokens, const WordPieceOptions& options)
      : Model(std::move(tokens)), most_characters_(options.most_characters) {
    std::vector<std::pair<std::string_view, uint32_t>> all;
    for (uint32_t id = 0; id < tokens_.id_end(); ++id)
      if (tokens_.has(id)) all.emplace_back(tokens_.token(id), id);
    trie_ = Trie(std::move(all));
    inside_ = trie_.next(Trie::kRoot, options.prefix);
    unknown_ = tokens_.find(options.unknown);
  }

  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override {
    const size_t before = out.size();
    bool known = !is_long(piece);
    for (size_t at = 0; known && at < piece.size();) {
      const auto [id, end] = trie_.longest(piece, at, at == 0 ? Trie::kRoot : inside_);
      known = id != Trie::kNothing;
      if (known) out.push_back({id, static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
      at = end;
    }
    if (known) return;
    out.resize(before);
    out.push_back({need_unknown(piece), 0, static_cast<uint32_t>(piece.size())});
  }
  int64_t unknown() const override { return unknown_; }

 private:
  bool is_long(std::string_view piece) const {
    if (piece.size() <= most_characters_) return false;
    const auto characters = std::count_if(piece.begin(), piece.end(), begins_character);
    return static_cast<size_t>(characters) > most_characters_;
  }

  Trie trie_;
  uint32_t inside_;  // the node behind the prefix
  size_t most_characters_;
  int64_t unknown_;
};

}  // namespace

ModelPtr make_wordpiece(const ParsedFile& parsed, const std::string& file) {
  const Reader model(
      parsed.root.at("model"), "model", file,
      {"type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"});
  expect_shape(parsed.vocab, ItemTable::Shape::numbers, file, "model.vocab",
               "{\"token\": id, ...}");
  const WordPieceOptions options{
      model.text("unk_token"), model.text("continuing_subword_prefix"),
      static_cast<size_t>(model.number("max_input_chars_per_word", 0, INT64_MAX))};
  return std::make_unique<WordPiece>(TokenTable::of_ids(parsed.vocab, file), options);
}

}  // namespace heed::data::json_tokenizer
