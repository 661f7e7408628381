// A text whose tokens are coloured by a number each.
#pragma once

#include <string>
#include <vector>

#include "heed/lens/alignment.h"
#include "heed/lens/drawing.h"
#include "heed/lens/heat.h"
#include "heed/lens/terminal.h"
#include "heed/tasks/input.h"

namespace heed::lens {

/// A token as it stands in a text.
struct FigureToken {
  std::string text;         ///< UTF-8; controls are shown as \n, \t or \x07
  bool begins_word = true;  ///< a space stands before it; false: it is joined to the token before
};

/// The tokens of an example. A token with a place (TokenPlace::begin and end) has its part of `text`, so
/// that joined letters stay joined whatever the tokenizer calls its pieces. Of one without, `how`
/// says where words begin (heed/lens/alignment.h); by marks, its text has none of them (a U+2581 or a
/// byte-level U+0120 at its beginning, "##" there, "@@" at its end), and byte-level letters are those
/// of their bytes (of a letter in several tokens the others have a dot). Special ones are whole.
std::vector<FigureToken> figure_tokens(const std::string& text,
                                       const std::vector<TokenPlace>& tokens,
                                       Joining how = Joining::marks);

/// One text and a number for each token of it.
struct TokensRow {
  std::string label;  ///< above the text; empty: none
  std::vector<FigureToken> tokens = {};
  std::vector<double> values = {};  ///< as many as tokens; NaN: left out, drawn grey
  bool is_signed = false;           ///< white at 0, two hues, a scale symmetric about 0
  std::vector<double> errors = {};  ///< of the values, or empty: said where one points at a token
  std::string note = {};  ///< below the text, behind its scale: what is left out, its mass
};

struct TokensFigure {
  std::string title;
  std::vector<std::string> lines;  ///< below the title, a line each: the prediction, the method
  std::vector<TokensRow> rows;     ///< one under the other
  bool one_scale = false;  ///< for all rows that are signed alike, so that their colours compare
};

/// Tokens of a figure that are drawn, evenly of its rows: more are left out, and the picture says how
/// many and how much of the sum of |value| they hold.
inline constexpr int64_t kMostFigureTokens = 1 << 17;

/// A row a map: the weight that each of its keys receives, mean over queries and shown heads. Sinks are
/// left out, with a note; `how` as above. Cost: as many score operations as the forward pass.
TokensFigure received_of(const TextMaps& maps, Joining how = Joining::marks);

/// Title and lines; each row's label, its tokens in lines like a text, from right to left where most
/// of its letters run that way, and its scale. Letters get smaller and lines longer, the more
/// tokens there are. Throws as Drawing says, and UsageError for a row without tokens and for other
/// numbers of values or errors than of tokens.
Drawing draw(const TokensFigure& figure);

/// The figure as lines of at most `terminal.width` columns (never fewer than 12). With colours
/// tokens have theirs as background; without, a line of shades stands under each line of tokens, and a
/// minus under what is negative. Tokens stand in logical order.
std::string to_text(const TokensFigure& figure, const Terminal& terminal);

}  // namespace heed::lens
