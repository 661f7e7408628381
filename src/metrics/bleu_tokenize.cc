// The tokenizers of mteval-v13a and mteval-v14.
#include <unicode/uchar.h>

#include "core/utf8.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/metrics/bleu.h"
#include "metrics/metric_text.h"

namespace heed {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }

/// ASCII's punctuation and symbols but for ' , - and .
bool is_parted(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

/// From left to right, where two neighbours are matched by first(a) and second(b): "a b" with a
/// space before (" a b") or behind ("a b "). Neighbours do not overlap.
template <class Text, class First, class Second>
Text part(const Text& text, First&& first, Second&& second, bool before) {
  Text out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 == text.size() || !first(text[i]) || !second(text[i + 1])) {
      out += text[i];
      continue;
    }
    if (before) out += ' ';
    out += text[i];
    out += ' ';
    out += text[++i];
    if (!before) out += ' ';
  }
  return out;
}

/// Bytes serve as characters here: what is matched or looked at is ASCII or not a digit.
std::string tokenize_13a(std::string text) {
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
  std::string parted = " ";
  for (const char c : text) {
    if (is_parted(c))
      parted.append(" ").append(1, c).append(" ");
    else
      parted += c;
  }
  parted += ' ';
  const auto no_digit = [](char c) { return !is_digit(c); };
  parted = part(parted, no_digit, is_point, false);
  parted = part(parted, is_point, no_digit, true);
  return part(
      parted, is_digit, [](char c) { return c == '-'; }, false);
}

bool has_category(char32_t c, uint32_t mask) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0;
}

std::string tokenize_intl(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) characters += static_cast<char32_t>(take_character(text));
  const auto punctuation = [](char32_t c) { return has_category(c, U_GC_P_MASK); };
  const auto no_number = [](char32_t c) { return !has_category(c, U_GC_N_MASK); };
  characters = part(characters, no_number, punctuation, false);
  characters = part(characters, punctuation, no_number, true);
  std::string out;
  for (const char32_t c : characters) {
    const bool symbol = has_category(c, U_GC_S_MASK);
    if (symbol) out += ' ';
    append_utf8(out, static_cast<uint32_t>(c));
    if (symbol) out += ' ';
  }
  return out;
}

std::string tokenize_char(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    append_utf8(out, take_character(text));
    out += ' ';
  }
  return out;
}

}  // namespace

std::string tokenize_for_bleu(const std::string& line, BleuTokenizer tokenize) {
  std::string parted = line;
  if (tokenize == BleuTokenizer::mteval_13a) parted = tokenize_13a(line);
  if (tokenize == BleuTokenizer::intl) parted = tokenize_intl(line);
  if (tokenize == BleuTokenizer::characters) parted = tokenize_char(line);
  std::string out;
  for (const auto word : metric::split(parted)) out.append(out.empty() ? "" : " ").append(word);
  return out;
}

}  // namespace heed
