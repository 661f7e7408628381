// What files and terminals need to know of rows of coloured tokens.
#pragma once

#include "heed/lens/tokens_figure.h"

namespace heed::lens {

/// The figure with tokens as labels of one line (see `visible`), and each row cut to its part of
/// kMostFigureTokens, which its note says. Throws UsageError for no rows, a row without tokens, and
/// other numbers of values or errors than of tokens.
TokensFigure shown_tokens(TokensFigure figure);

/// The scale of each row: from 0 to the greatest |value|, or symmetric about 0 where the row is
/// signed or has a value below 0.
std::vector<Scale> scales_of(const TokensFigure& figure);

/// In [-1, 1]: value / high of the scale.
double part_of(const Scale& scale, double value);

/// "dog: 0.31 +- 0.02", for whoever points at a token.
std::string hint_of_token(const TokensRow& row, size_t token);

}  // namespace heed::lens
