#include "tasks/word_segments.h"

#include <unicode/brkiter.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utext.h>

#include <algorithm>
#include <memory>

#include "core/utf8.h"
#include "heed/core/error.h"

namespace heed {
namespace {

constexpr std::string_view kCurlyApostrophe = "\xE2\x80\x99";  // U+2019

void check_icu(UErrorCode status, const char* what) {
  if (U_FAILURE(status))
    throw ModelError(std::string("ICU cannot ") + what + ": " + u_errorName(status));
}

icu::UnicodeString wide(std::string_view text) {
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

std::string narrow(const icu::UnicodeString& text) {
  std::string out;
  return text.toUTF8String(out);
}

/// Borders of ICU's words, the first at 0.
std::vector<size_t> unicode_borders(std::string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  static const std::unique_ptr<const icu::BreakIterator> rules(
      icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
  check_icu(status, "find words");
  const std::unique_ptr<icu::BreakIterator> breaks(rules->clone());
  UText* opened = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &status);
  check_icu(status, "read a text");
  const std::unique_ptr<UText, decltype(&utext_close)> closing(opened, utext_close);
  breaks->setText(opened, status);
  check_icu(status, "read a text");
  std::vector<size_t> borders;
  for (int32_t at = breaks->first(); at != icu::BreakIterator::DONE; at = breaks->next())
    borders.push_back(static_cast<size_t>(at));
  return borders;
}

struct Cases {
  int64_t upper = 0, lower = 0;
  bool first_is_upper = false;
};

Cases cases_of(const icu::UnicodeString& text) {
  Cases cases;
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    const bool upper = u_isupper(c) || u_istitle(c);
    if (!upper && !u_islower(c)) continue;
    if (cases.upper + cases.lower == 0) cases.first_is_upper = upper;
    (upper ? cases.upper : cases.lower) += 1;
  }
  return cases;
}

icu::UnicodeString with_first_upper(icu::UnicodeString text) {
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    const UChar32 c = text.char32At(i);
    if (u_isupper(c) || u_istitle(c)) return text;
    if (!u_islower(c)) continue;
    return text.replace(i, U16_LENGTH(c), icu::UnicodeString(u_totitle(c)));
  }
  return text;
}

}  // namespace

std::vector<size_t> word_borders(std::string_view text) {
  if (text.empty()) return {0};
  auto borders = unicode_borders(text);
  for (std::string_view rest = text; !rest.empty();) {
    const size_t at = text.size() - rest.size();
    if (u_hasBinaryProperty(static_cast<UChar32>(take_character(rest)), UCHAR_IDEOGRAPHIC))
      borders.push_back(at), borders.push_back(text.size() - rest.size());
  }
  const auto add = [&](std::string_view apostrophe) {
    for (size_t at = text.find(apostrophe); at != text.npos; at = text.find(apostrophe, at + 1))
      borders.push_back(at), borders.push_back(at + apostrophe.size());
  };
  add("'"), add(kCurlyApostrophe);
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  return borders;
}

bool is_blank_part(std::string_view part) {
  const auto text = wide(part);
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
    if (!u_isUWhiteSpace(text.char32At(i))) return false;
  return !part.empty();
}

bool has_letter_or_digit(std::string_view given) {
  const auto text = wide(given);
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
    if (u_isalnum(text.char32At(i))) return true;
  return false;
}

std::string folded_part(std::string_view part) {
  const bool plain = std::all_of(part.begin(), part.end(), [](char c) { return c > ' '; });
  if (plain) {  // ASCII, as most parts are
    std::string folded(part);
    for (char& c : folded)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return folded;
  }
  if (is_blank_part(part)) return " ";
  UErrorCode status = U_ZERO_ERROR;
  const auto* composed = icu::Normalizer2::getNFCInstance(status);
  check_icu(status, "compose characters");
  const auto folded = composed->normalize(wide(part).foldCase(), status);
  check_icu(status, "compose characters");
  return narrow(folded);
}

std::string in_case_of(std::string_view found, std::string_view listed,
                       std::string_view replacement) {
  if (found == listed) return std::string(replacement);
  const auto cases = cases_of(wide(found));
  auto text = wide(replacement);
  if (cases.upper > 1 && cases.lower == 0) return narrow(text.toUpper(icu::Locale::getRoot()));
  if (cases.first_is_upper) return narrow(with_first_upper(std::move(text)));
  if (cases.lower > 0 && cases.upper == 0) return narrow(text.toLower(icu::Locale::getRoot()));
  return std::string(replacement);
}

}  // namespace heed
