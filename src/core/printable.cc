#include "core/printable.h"

#include <cstdint>
#include <cstdio>

#include "core/utf8.h"

namespace heed {
namespace {

bool is_control(uint32_t code) noexcept {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

void append_escape(std::string& out, const char* pattern, uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof text, pattern, static_cast<unsigned>(number));
  out += text;
}

/// `taken` is one character, or one byte that is none.
void append_escaped(std::string& out, std::string_view taken, uint32_t code) {
  if (taken == "\n") {
    out += "\\n";
  } else if (taken == "\t") {
    out += "\\t";
  } else if (taken == "\r") {
    out += "\\r";
  } else if (taken.size() == 1) {
    append_escape(out, "\\x%02x", static_cast<uint8_t>(taken.front()));
  } else {
    append_escape(out, "\\u%04x", code);
  }
}

}  // namespace

std::string printable(std::string_view text, std::string_view keep) {
  std::string out;
  while (!text.empty()) {
    const std::string_view all = text;
    const uint32_t code = take_character(text);
    const auto taken = all.substr(0, all.size() - text.size());
    const bool is_byte = code == kReplacement && taken.size() == 1;
    const bool is_kept = taken.size() == 1 && keep.find(taken.front()) != std::string_view::npos;
    if ((is_byte || is_control(code)) && !is_kept)
      append_escaped(out, taken, code);
    else
      out += taken;
  }
  return out;
}

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  const bool plain = printable(word) == word;
  std::string out = plain ? "'" : "$'";
  if (plain) {
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + '\'';
  }
  for (const char c : word) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\'' || c == '\\')
      (out += '\\') += c;
    else if (byte >= 0x20 && byte < 0x7F)
      out += c;
    else
      append_escape(out, "\\%03o", byte);  // three digits, so that none of the text's is read
  }
  return out + '\'';
}

}  // namespace heed
