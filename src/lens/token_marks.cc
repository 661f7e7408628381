// Tokens as they stand in a text.
#include <algorithm>

#include "core/utf8.h"
#include "heed/lens/tokens_figure.h"
#include "lens/columns.h"

namespace heed::lens {
namespace {

constexpr std::string_view kBlank = "\u2581", kByteBlank = "\u0120", kInside = "##",
                           kUnfinished = "@@";

bool begins_marked(const std::string& piece) {
  return piece.starts_with(kBlank) || piece.starts_with(kByteBlank);
}

/// The byte that a byte-level tokenizer writes as this character; -1: none. Bytes that can be seen are
/// themselves, the others are U+0100 and what follows, in order.
int byte_of(uint32_t character) {
  const auto seen = [](uint32_t byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
           (byte >= 0xAE && byte <= 0xFF);
  };
  if (character < 0x100) return seen(character) ? static_cast<int>(character) : -1;
  uint32_t hidden = 0x100;
  for (uint32_t byte = 0; byte < 0x100; ++byte)
    if (!seen(byte) && hidden++ == character) return static_cast<int>(byte);
  return -1;
}

/// The bytes that a byte-level piece stands for; a piece of other characters as it is.
std::string bytes_of(const std::string& piece) {
  std::string bytes;
  for (std::string_view rest = piece; !rest.empty();) {
    const int byte = byte_of(take_character(rest));
    if (byte < 0) return piece;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

/// A letter whose bytes several tokens have stands in the first of them, and a dot in the others.
void join_bytes(std::vector<FigureToken>& tokens) {
  constexpr size_t kMostParts = 4;
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::string bytes = tokens[i].text;
    size_t last = i;
    while (invalid_utf8(bytes) != std::string::npos &&
           last + 1 < std::min(tokens.size(), i + kMostParts) && !tokens[last + 1].begins_word)
      bytes += tokens[++last].text;
    if (last == i || invalid_utf8(bytes) != std::string::npos) continue;
    tokens[i].text = std::move(bytes);
    for (size_t j = i + 1; j <= last; ++j) tokens[j].text = "\u00b7";
    i = last;
  }
}

/// A piece without the marks of words; `joined`: what it is where it has none.
FigureToken unmarked(std::string piece, bool joined, bool byte_level) {
  bool begins = !joined;
  if (begins_marked(piece)) {
    piece.erase(0, piece.starts_with(kBlank) ? kBlank.size() : kByteBlank.size());
    begins = true;
  } else if (piece.starts_with(kInside) && piece.size() > kInside.size()) {
    piece.erase(0, kInside.size());
    begins = false;
  } else if (piece.ends_with(kUnfinished) && piece.size() > kUnfinished.size()) {
    piece.resize(piece.size() - kUnfinished.size());
  }
  return {byte_level ? bytes_of(piece) : piece, begins};
}

/// Where each character of a text begins, and its end.
std::vector<size_t> places_of_characters(std::string_view text) {
  std::vector<size_t> places{0};
  for (std::string_view rest = text; !rest.empty();) {
    take_character(rest);
    places.push_back(text.size() - rest.size());
  }
  return places;
}

}  // namespace

std::vector<FigureToken> figure_tokens(const std::string& text,
                                       const std::vector<TokenPlace>& tokens, Joining how) {
  const auto at = places_of_characters(text);
  bool marked = false, byte_level = false;
  for (const auto& token : tokens) {
    marked = marked || (!token.special && begins_marked(token.text));
    byte_level = byte_level || (!token.special && token.text.starts_with(kByteBlank));
  }
  std::vector<FigureToken> result;
  int64_t seen = 0;         // characters of the text before the next token
  bool unfinished = false;  // by the mark of the piece before
  bool first = true;        // of the text, or behind a special token
  for (const auto& token : tokens) {
    const bool placed =
        token.begin >= seen && token.end > token.begin && token.end < std::ssize(at);
    if (token.special) {
      result.push_back({token.text, true});
    } else if (placed) {
      std::string own = text.substr(at[token.begin], at[token.end] - at[token.begin]);
      const size_t blanks = std::min(own.find_first_not_of(' '), own.size());
      const bool begins = first || token.begin > seen || blanks > 0;
      if (blanks < own.size()) own.erase(0, blanks);
      result.push_back({std::move(own), begins});
      seen = token.end;
    } else if (how != Joining::marks) {
      result.push_back({token.text, how == Joining::pieces || first});
    } else {
      result.push_back(unmarked(token.text, unfinished || (marked && !first), byte_level));
    }
    unfinished = !token.special && token.text.ends_with(kUnfinished);
    first = token.special;
  }
  if (byte_level) join_bytes(result);
  return result;
}

}  // namespace heed::lens
