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

/// A piece without the marks of words; `joined`: what it is where it has none.
FigureToken unmarked(std::string piece, bool joined) {
  if (begins_marked(piece)) {
    piece.erase(0, piece.starts_with(kBlank) ? kBlank.size() : kByteBlank.size());
    return {piece, true};
  }
  if (piece.starts_with(kInside) && piece.size() > kInside.size())
    return {piece.substr(kInside.size()), false};
  if (piece.ends_with(kUnfinished) && piece.size() > kUnfinished.size())
    piece.resize(piece.size() - kUnfinished.size());
  return {piece, !joined};
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
  const bool marked = std::any_of(tokens.begin(), tokens.end(), [](const TokenPlace& token) {
    return !token.special && begins_marked(token.text);
  });
  std::vector<FigureToken> result;
  int64_t seen = 0;         // characters of the text before the next token
  bool unfinished = false;  // by the mark of the piece before
  for (const auto& token : tokens) {
    const bool placed =
        token.begin >= seen && token.end > token.begin && token.end < std::ssize(at);
    if (token.special) {
      result.push_back({token.text, true});
    } else if (placed) {
      std::string own = text.substr(at[token.begin], at[token.end] - at[token.begin]);
      const size_t blanks = std::min(own.find_first_not_of(' '), own.size());
      const bool first = result.empty() || seen == 0 || token.begin > seen || blanks > 0;
      if (blanks < own.size()) own.erase(0, blanks);
      result.push_back({std::move(own), first});
      seen = token.end;
    } else if (how != Joining::marks) {
      result.push_back({token.text, how == Joining::pieces});
    } else {
      result.push_back(unmarked(token.text, unfinished || (marked && !result.empty())));
    }
    unfinished = !token.special && token.text.ends_with(kUnfinished);
  }
  return result;
}

}  // namespace heed::lens
