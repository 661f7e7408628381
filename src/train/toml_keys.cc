#include "train/toml_keys.h"

#include <algorithm>

#include "core/text.h"

namespace heed {
namespace {

/// The length of the string or comment with which the text begins; 0 where it begins with neither.
size_t length_of_string(std::string_view text) {
  if (text.front() == '#') return std::min(text.find('\n'), text.size());
  const char quote = text.front();
  if (quote != '"' && quote != '\'') return 0;
  const std::string three(3, quote);
  const std::string end = text.starts_with(three) ? three : three.substr(0, 1);
  for (size_t at = end.size(); at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text.substr(at).starts_with(end)) {
      return at + end.size();
    } else if (end.size() == 1 && text[at] == '\n') {
      return at;  // it lacks its end, as toml++ will say
    }
  }
  return text.size();
}

}  // namespace

void check_keys_of_toml(std::string_view toml, const std::string& name) {
  size_t parts = 1, line = 1;
  while (!toml.empty()) {
    const size_t string = length_of_string(toml);
    const auto taken = toml.substr(0, std::max<size_t>(1, string));
    line += static_cast<size_t>(std::count(taken.begin(), taken.end(), '\n'));
    if (string == 0) {
      const char c = toml.front();
      if (c == '.' && ++parts > kMostKeyParts)
        throw ModelError(
            text_of(name, ":", line, ": a key of more than ", kMostKeyParts, " parts"));
      if (std::string_view("\n=,[]{}").find(c) != std::string_view::npos) parts = 1;
    }
    toml.remove_prefix(taken.size());
  }
}

}  // namespace heed
