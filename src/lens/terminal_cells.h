// Colours and shades of a terminal.
#pragma once

#include <string>

#include "heed/lens/heat.h"
#include "heed/lens/terminal.h"

namespace heed::lens {

inline constexpr std::string_view kReset = "\x1b[0m";

/// The sequence that sets a colour from here on: 38 of the letters, 48 of what is behind them.
std::string escape(int layer, Colour colour, Colours colours);

/// The shade of t in [0, 1], cut off outside, from ' ' to '@'; '?' for NaN.
char shade(double t);

/// The two ends of a scale and its colours between them, in one line or, where that is too long,
/// three.
std::string legend_lines(const Scale& scale, const Terminal& terminal);

}  // namespace heed::lens
