// Texts that may hold line feeds, a line each.
#pragma once

#include <string>

namespace heed {

/// A text as a line: a line feed in it is written \n and a carriage return \r. Nothing else is
/// changed, so a text without them is itself; where the difference matters JSON has the text.
inline std::string as_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else if (c == '\r') {
      line += "\\r";
    } else {
      line += c;
    }
  }
  return line;
}

}  // namespace heed
