#include "data/jinja/texts.h"

#include <unicode/locid.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

namespace heed::data::jinja {
namespace {

std::string utf8_of(const icu::UnicodeString& text) {
  std::string all;
  text.toUTF8String(all);
  return all;
}

}  // namespace

std::string strip_of(std::string_view text, std::string_view chars, bool left, bool right) {
  const auto all = characters(text), taken = characters(chars);
  const auto is_taken = [&](auto c) {
    return std::find(taken.begin(), taken.end(), c) != taken.end();
  };
  size_t begin = 0, end = all.size();
  while (left && begin < end && is_taken(all[begin])) ++begin;
  while (right && end > begin && is_taken(all[end - 1])) --end;
  std::string rest;
  for (size_t i = begin; i < end; ++i) rest += all[i];
  return rest;
}

std::string replaced(Interpreter& run, const std::string& text, const std::string& from,
                     const std::string& to, int64_t most) {
  std::string all;
  if (from.empty()) {
    const auto each = characters(text);
    for (size_t i = 0; i <= each.size(); ++i) {
      if (most < 0 || static_cast<int64_t>(i) < most) all += to, run.charge(to.size());
      if (i < each.size()) all += each[i];
    }
    return all;
  }
  size_t at = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    const size_t found = text.find(from, at);
    if (found == std::string::npos) break;
    all.append(text, at, found - at).append(to);
    run.charge(to.size());
    at = found + from.size();
  }
  return all.append(text, at);
}

std::string upper_case(const std::string& text) {
  return utf8_of(icu::UnicodeString::fromUTF8(text).toUpper(icu::Locale::getRoot()));
}

std::string lower_case(const std::string& text) {
  return utf8_of(icu::UnicodeString::fromUTF8(text).toLower(icu::Locale::getRoot()));
}

std::string title_case(const std::string& text) {
  const auto unicode = icu::UnicodeString::fromUTF8(text);
  icu::UnicodeString all;
  bool inside = false;
  for (int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1)) {
    const UChar32 c = unicode.char32At(i);
    all.append(inside ? u_tolower(c) : u_totitle(c));
    inside = u_hasBinaryProperty(c, UCHAR_CASED);
  }
  return utf8_of(all);
}

std::string capitalised(const std::string& text) {
  const auto unicode = icu::UnicodeString::fromUTF8(text);
  if (unicode.isEmpty()) return text;
  const int32_t rest = unicode.moveIndex32(0, 1);
  icu::UnicodeString all;
  all.append(u_totitle(unicode.char32At(0)));
  return utf8_of(all) + utf8_of(unicode.tempSubString(rest).toLower(icu::Locale::getRoot()));
}

}  // namespace heed::data::jinja
