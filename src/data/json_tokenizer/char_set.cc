#include "data/json_tokenizer/char_set.h"

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "core/utf8.h"
#include "data/json_tokenizer/unicode_additions.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

icu::UnicodeSet set_of(UProperty property, int32_t value) {
  icu::UnicodeSet set;
  UErrorCode status = U_ZERO_ERROR;
  set.applyIntPropertyValue(property, value, status);
  if (U_FAILURE(status))
    throw ModelError(std::string("ICU has no set of a Unicode property: ") + u_errorName(status));
  return set;
}

/// Only what Unicode 16 had, where ICU knows more.
void limit_age(icu::UnicodeSet& set) {
  UVersionInfo version;
  u_getUnicodeVersion(version);
  if (version[0] <= 16) return;
  UErrorCode status = U_ZERO_ERROR;
  set.retainAll(icu::UnicodeSet(u"[:age=16.0:]", status));
}

void add(icu::UnicodeSet& set, const CategoryRange& range) {
  set.add(static_cast<UChar32>(range.first), static_cast<UChar32>(range.last));
}

icu::UnicodeSet category_set(uint32_t mask) {
  auto set = set_of(UCHAR_GENERAL_CATEGORY_MASK, static_cast<int32_t>(mask));
  limit_age(set);
  for (const auto& range : kAdditions) {
    if ((U_MASK(range.category) & mask) != 0)
      add(set, range);
    else
      set.remove(static_cast<UChar32>(range.first), static_cast<UChar32>(range.last));
  }
  return set;
}

icu::UnicodeSet alphabetic_set() {
  auto set = set_of(UCHAR_ALPHABETIC, 1);
  limit_age(set);
  for (const auto& range : kAdditions)
    if ((U_MASK(range.category) & U_GC_L_MASK) != 0) add(set, range);
  for (const auto& range : kAlphabeticMarks) add(set, range);
  return set;
}

icu::UnicodeSet script_set(int32_t script) {
  auto set = set_of(UCHAR_SCRIPT, script);
  limit_age(set);
  if (script == u_getPropertyValueEnum(UCHAR_SCRIPT, "Han")) set.add(0x2EBF0, 0x2EE5D);
  if (script == u_getPropertyValueEnum(UCHAR_SCRIPT, "Latn"))
    set.add(0xA7CB, 0xA7CD).add(0xA7DA, 0xA7DC);
  return set;
}

}  // namespace

icu::UnicodeSet white_space_set() { return set_of(UCHAR_WHITE_SPACE, 1); }
icu::UnicodeSet digit_set() { return category_set(U_GC_ND_MASK); }

icu::UnicodeSet word_set() {
  auto set = alphabetic_set();
  set.addAll(category_set(U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK));
  for (const UChar32 number : {0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE}) set.add(number);
  return set;
}

icu::UnicodeSet hex_digit_set() {
  icu::UnicodeSet set('0', '9');
  set.add('A', 'F').add('a', 'f');
  return set;
}

std::optional<icu::UnicodeSet> posix_set(const std::string& name) {
  if (name == "alpha") return alphabetic_set();
  if (name == "digit") return digit_set();
  if (name == "alnum") return std::move(alphabetic_set().addAll(digit_set()));
  if (name == "upper") return set_of(UCHAR_UPPERCASE, 1);
  if (name == "lower") return set_of(UCHAR_LOWERCASE, 1);
  if (name == "space") return white_space_set();
  if (name == "punct") return category_set(U_GC_P_MASK | U_GC_S_MASK);
  if (name == "cntrl") return category_set(U_GC_CC_MASK);
  if (name == "blank") return std::move(category_set(U_GC_ZS_MASK).add('\t'));
  if (name == "xdigit") return hex_digit_set();
  if (name == "word") return word_set();
  if (name == "ascii") return icu::UnicodeSet(0, 0x7F);
  return {};
}

std::optional<icu::UnicodeSet> property_set(const std::string& name) {
  const auto mask = u_getPropertyValueEnum(UCHAR_GENERAL_CATEGORY_MASK, name.c_str());
  if (mask != UCHAR_INVALID_CODE) return category_set(static_cast<uint32_t>(mask));
  std::string lower;
  for (const char c : name)
    if (c != '_' && c != ' ' && c != '-') lower += static_cast<char>(std::tolower(c));
  if (lower == "any") return icu::UnicodeSet(0, 0x10FFFF);
  if (lower == "alphabetic") return alphabetic_set();
  if (auto posix = posix_set(lower)) return posix;
  const auto script = u_getPropertyValueEnum(UCHAR_SCRIPT, name.c_str());
  if (script != UCHAR_INVALID_CODE) return script_set(script);
  const auto property = u_getPropertyEnum(name.c_str());
  if (property < UCHAR_BINARY_START || property >= UCHAR_BINARY_LIMIT) return {};
  auto set = set_of(property, 1);
  limit_age(set);
  return set;
}

CharSet::CharSet(const icu::UnicodeSet& set) {
  for (int32_t i = 0; i < set.getRangeCount(); ++i) {
    const auto first = static_cast<uint32_t>(set.getRangeStart(i));
    const auto last = static_cast<uint32_t>(set.getRangeEnd(i));
    for (uint32_t code = first; code <= std::min(last, 0xFFFFu); ++code)
      low_[code >> 6] |= uint64_t{1} << (code & 63);
    if (last >= 0x10000) high_.emplace_back(std::max(first, 0x10000u), last);
  }
}

bool CharSet::contains_high(uint32_t code) const {
  const auto after =
      std::upper_bound(high_.begin(), high_.end(), code,
                       [](uint32_t c, const auto& range) { return c < range.first; });
  return after != high_.begin() && code <= std::prev(after)->second;
}

std::array<uint64_t, 4> CharSet::first_bytes() const {
  std::array<uint64_t, 4> bytes{};
  const auto add_byte = [&](uint32_t code) {
    std::string utf8;
    append_utf8(utf8, code);
    const auto byte = static_cast<uint8_t>(utf8[0]);
    bytes[byte >> 6] |= uint64_t{1} << (byte & 63);
  };
  for (uint32_t code = 0; code < 0x10000; ++code)
    if ((code < 0xD800 || code >= 0xE000) && contains(code)) add_byte(code);
  for (const auto& [first, last] : high_)
    for (uint32_t code = first; code <= last; code = (code | 0x3FFFF) + 1) add_byte(code);
  for (const auto& [first, last] : high_) add_byte(last);
  return bytes;
}

}  // namespace heed::data::json_tokenizer
