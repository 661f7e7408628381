// Text that came from anywhere, shown to a person.
#pragma once

#include <string>
#include <string_view>

namespace heed {

/// The text with everything escaped that a terminal would obey or a reader would not see: control
/// characters as \n, \t or \x1b, bytes that are no UTF-8 as \xff, separators of lines and changes of
/// the direction of writing as \u202e. A name stays one line. Characters in `keep` stay as they are.
/// JSON gets the text itself.
std::string printable(std::string_view text, std::string_view keep = "");

/// The word as a shell reads it back: 'it'\''s'. What printable escapes becomes $'\n'.
std::string shell_quoted(std::string_view word);

}  // namespace heed
