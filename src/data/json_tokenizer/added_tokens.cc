#include "data/json_tokenizer/added_tokens.h"

#include <algorithm>

namespace heed::data::json_tokenizer {
namespace {

AddedToken read_added_token(const Json& value, const std::string& path, const std::string& file) {
  const Reader reader(
      value, path, file,
      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  return {.id = reader.number("id", 0, kMostIds - 1),
          .content = reader.text("content"),
          .single_word = reader.flag("single_word"),
          .lstrip = reader.flag("lstrip"),
          .rstrip = reader.flag("rstrip"),
          .normalized = reader.flag("normalized"),
          .special = reader.flag("special")};
}

std::string normalized_form(const std::string& content, const Normalizer* normalizer) {
  if (!normalizer) return content;
  Text text{content, std::vector<uint32_t>(content.size(), 0)};
  normalizer->normalize(text);
  return text.bytes;
}

bool is_word_before(std::string_view text, size_t at) {
  return at > 0 && has(previous_character(text, at), kWord);
}
bool is_word_behind(std::string_view text, size_t at) {
  return at < text.size() && has(next_character(text, at), kWord);
}

}  // namespace

AddedTokens::AddedTokens(const Json& list, const TokenTable& tokens, const Normalizer* normalizer,
                         const std::string& file) {
  if (list.is_null()) return;
  if (!list.is_array())
    refuse_at(file, "added_tokens", "expected a list, given " + described(list));
  auto next_id = static_cast<int64_t>(tokens.count());
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string path = "added_tokens[" + std::to_string(i) + "]";
    auto token = read_added_token(list[i], path, file);
    if (token.content.empty()) continue;  // tokenizers passes over it
    const int64_t known = tokens.find(token.content);
    const int64_t id = known >= 0 ? known : next_id++;
    if (id != token.id)
      refuse_at(file, path + ".id",
                "'" + token.content + "' has the id " + std::to_string(id) +
                    (known >= 0 ? " in model.vocab" : " behind model.vocab and the tokens before") +
                    ", given " + std::to_string(token.id));
    if (!by_content_.add(token.content, static_cast<uint32_t>(tokens_.size())))
      refuse_at(file, path + ".content", "'" + token.content + "' stands there twice");
    if (id >= std::ssize(by_id_)) by_id_.resize(static_cast<size_t>(id) + 1, -1);
    by_id_[static_cast<size_t>(id)] = std::ssize(tokens_);
    shown_.push_back(token.normalized ? normalized_form(token.content, normalizer) : token.content);
    tokens_.push_back(std::move(token));
  }
  raw_ = finder(false, file);
  normalized_ = finder(true, file);
}

int64_t AddedTokens::index(int64_t id) const {
  return id >= 0 && id < std::ssize(by_id_) ? by_id_[static_cast<size_t>(id)] : -1;
}

bool AddedTokens::is_special(std::string_view shown) const {
  const int64_t found = by_content_.find(shown);
  return found >= 0 && tokens_[static_cast<size_t>(found)].special;
}

AddedTokens::Finder AddedTokens::finder(bool normalized, const std::string& file) const {
  Finder made;
  std::vector<std::pair<std::string_view, uint32_t>> wanted;
  TokenTable seen;
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].normalized != normalized) continue;
    const std::string& text = shown_[i];
    if (text.empty() || !seen.add(text, static_cast<uint32_t>(i)))
      refuse_at(file, "added_tokens[" + std::to_string(i) + "].content",
                "'" + tokens_[i].content + "' is '" + text + "' once it is normalized, " +
                    (text.empty() ? "which is nothing" : "as another added token"));
    wanted.emplace_back(text, static_cast<uint32_t>(i));
    made.first[static_cast<uint8_t>(text[0])] = made.any = true;
  }
  made.trie = Trie(std::move(wanted));
  return made;
}

/// From left to right the longest token at each place.
void AddedTokens::cut_piece(std::string_view text, uint32_t offset, const Finder& finder,
                            bool split, std::vector<Piece>& out) const {
  size_t begin_of_rest = 0;
  const auto put = [&](size_t begin, size_t end, int64_t token) {
    if (begin != end)
      out.push_back(
          {offset + static_cast<uint32_t>(begin), offset + static_cast<uint32_t>(end), token});
  };
  for (size_t at = 0; at < text.size();) {
    if (!finder.first[static_cast<uint8_t>(text[at])]) {
      ++at;
      continue;
    }
    const auto [found, found_end] = finder.trie.longest(text, at);
    if (found == Trie::kNothing) {
      ++at;
      continue;
    }
    size_t begin = at, end = found_end;
    at = end;
    const auto& token = tokens_[found];
    if (split && is_special(token.content)) continue;
    if (token.single_word && (is_word_before(text, begin) || is_word_behind(text, end))) continue;
    for (size_t before = begin; token.lstrip && before > begin_of_rest; begin = before)
      if (!has(previous_character(text, before), kWhiteSpace)) break;
    for (size_t behind = end; token.rstrip && behind < text.size(); end = behind)
      if (!has(next_character(text, behind), kWhiteSpace)) break;
    if (token.lstrip) begin = std::max(begin, begin_of_rest);
    if (begin_of_rest < begin) put(begin_of_rest, begin, -1);
    put(begin, end, found);
    begin_of_rest = end;
  }
  put(begin_of_rest, text.size(), -1);
}

void AddedTokens::cut(Pieces& pieces, const Finder& finder, bool split) const {
  if (!finder.any) return;
  std::vector<Piece> cut;
  for (const auto& piece : pieces.pieces) {
    if (piece.token >= 0)
      cut.push_back(piece);
    else
      cut_piece(pieces.of(piece), piece.begin, finder, split, cut);
  }
  pieces.pieces = std::move(cut);
}

namespace {

/// A text as it was given, in one piece.
Pieces as_given(std::string_view text) {
  Pieces pieces;
  pieces.text.bytes = text;
  pieces.text.origin.resize(text.size());
  auto& origin = pieces.text.origin;
  uint32_t character = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    character += begins_character(text[i]) && i > 0 ? 1 : 0;
    origin[i] = character;
  }
  if (!text.empty()) pieces.pieces.push_back({0, static_cast<uint32_t>(text.size())});
  return pieces;
}

/// Normalizes every piece that is no token.
void normalize_pieces(Pieces& pieces, const Normalizer& normalizer) {
  if (pieces.pieces.size() == 1 && pieces.pieces[0].token < 0) {
    normalizer.normalize(pieces.text);
    pieces.pieces[0].end = static_cast<uint32_t>(pieces.text.bytes.size());
  } else {
    Text all;
    for (auto& piece : pieces.pieces) {
      Text part;
      part.append(pieces.of(piece), pieces.origins_of(piece));
      if (piece.token < 0) normalizer.normalize(part);
      piece.begin = static_cast<uint32_t>(all.bytes.size());
      all.append(part.bytes, part.origin.data());
      piece.end = static_cast<uint32_t>(all.bytes.size());
    }
    pieces.text = std::move(all);
  }
  std::erase_if(pieces.pieces, [](const Piece& piece) { return piece.begin == piece.end; });
}

}  // namespace

Pieces AddedTokens::find(std::string_view text, const Normalizer* normalizer, bool split) const {
  Pieces pieces = as_given(text);
  cut(pieces, raw_, split);
  if (normalizer) normalize_pieces(pieces, *normalizer);
  cut(pieces, normalized_, split);
  return pieces;
}

}  // namespace heed::data::json_tokenizer
