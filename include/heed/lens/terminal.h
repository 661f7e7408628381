// Figures in a terminal.
#pragma once

#include <string>
#include <string_view>

#include "heed/lens/figure.h"

namespace heed::lens {

enum class Colours {
  plain,  ///< ASCII shades, no escape sequences
  c256,   ///< the 256 colours of xterm
  c24bit  ///< red, green and blue of 8 bits each
};

struct Terminal {
  Colours colours = Colours::plain;
  int64_t width = 80;  ///< characters of a line
};

/// What standard output can show. Colours: none when it is no terminal or NO_COLOR is set and not
/// empty; else 24-bit when COLORTERM says so, 256 when TERM does, or none. Width: of the terminal,
/// else COLUMNS, else 80.
Terminal terminal_of_stdout();

/// "24bit", "256", "plain"; throws UsageError naming the nearest for another word.
Colours colours_from_text(std::string_view text);

/// The figure as lines of text. With colours a character is two pixels, one above the other
/// (U+2580); without, shades from ' ' to '@' show the weights alone, and the image by itself. As
/// many panels stand side by side as fit.
std::string to_text(const Figure& figure, const Terminal& terminal);

}  // namespace heed::lens
