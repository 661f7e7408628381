#include "lens/columns.h"

#include <locale.h>
#include <wchar.h>

#include <cstdio>

#include "core/utf8.h"

namespace heed::lens {
namespace {

constexpr std::string_view kEllipsis = "\u2026";

/// wcwidth answers for the locale of the thread, which need not know Unicode.
int width_in_unicode(uint32_t character) noexcept {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (!unicode) return 1;
  const locale_t before = uselocale(unicode);
  const int width = wcwidth(static_cast<wchar_t>(character));
  uselocale(before);
  return width;
}

std::string_view take_cluster(std::string_view& text) noexcept {
  const std::string_view all = text;
  take_character(text);
  for (std::string_view rest = text; !rest.empty(); text = rest) {
    if (columns(take_character(rest)) != 0) break;
  }
  return all.substr(0, all.size() - text.size());
}

}  // namespace

int64_t columns(uint32_t character) noexcept {
  if (character >= 0x20 && character < 0x7F) return 1;
  const int width = width_in_unicode(character);
  return width < 0 ? 1 : width;
}

int64_t columns(std::string_view utf8) noexcept {
  int64_t sum = 0;
  while (!utf8.empty()) sum += columns(take_character(utf8));
  return sum;
}

std::vector<std::string> clusters(std::string_view utf8) {
  std::vector<std::string> result;
  while (!utf8.empty()) result.emplace_back(take_cluster(utf8));
  return result;
}

std::string cut(std::string_view utf8, int64_t most) {
  if (columns(utf8) <= most) return std::string(utf8);
  std::string result;
  int64_t width = 1;
  while (true) {
    const auto next = take_cluster(utf8);
    width += columns(next);
    if (width > most) return result.append(kEllipsis);
    result += next;
  }
}

std::vector<std::string> wrapped(std::string_view utf8, int64_t width) {
  std::vector<std::string> lines(1);
  int64_t used = 0;
  size_t space = std::string::npos;  // where the current line may be broken
  while (!utf8.empty()) {
    const auto next = take_cluster(utf8);
    used += columns(next);
    if (used > width && !lines.back().empty()) {
      std::string rest;
      if (next != " " && space != std::string::npos) {
        rest = lines.back().substr(space + 1);
        lines.back().resize(space);
      }
      lines.push_back(rest);
      space = std::string::npos;
      if (next == " ") {
        used = 0;
        continue;
      }
      used = columns(rest) + columns(next);
    }
    if (next == " ") space = lines.back().size();
    lines.back() += next;
  }
  return lines;
}

std::string decoded_byte(const std::string& piece) {
  const bool shape = piece.size() == 6 && piece.starts_with("<0x") && piece.back() == '>';
  if (!shape || piece.find_first_not_of("0123456789ABCDEFabcdef", 3) != 5) return piece;
  return {static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16))};
}

std::string visible(std::string_view piece) {
  const std::string byte = decoded_byte(std::string(piece));
  if (byte.size() == 1 && byte[0] >= 0) piece = byte;
  if (!piece.empty() && piece.find_first_not_of(' ') == std::string_view::npos) {
    std::string spaces;
    for (size_t i = 0; i < piece.size(); ++i) spaces += "\u2423";
    return spaces;
  }
  std::string result;
  while (!piece.empty()) {
    const uint32_t code = take_character(piece);
    if (code == '\n') {
      result += "\\n";
    } else if (code == '\t') {
      result += "\\t";
    } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02X", static_cast<unsigned>(code));
      result += hex;
    } else {
      if (result.empty() && columns(code) == 0) result = "\u25cc";
      append_utf8(result, code);
    }
  }
  return result;
}

}  // namespace heed::lens
