#include "data/json_tokenizer/unicode.h"

#include <unicode/normalizer2.h>

#include "data/json_tokenizer/unicode_additions.h"

namespace heed::data::json_tokenizer {

std::atomic<const PropertyPage*> property_pages[0x1100] = {};

namespace {

bool is_unassigned_by_icu(uint32_t code) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(code), age);
  return age[0] == 0;
}

int category_of(uint32_t code) {
  if (is_unassigned_by_icu(code)) {
    const auto* range = range_of(code, kAdditions);
    return range ? range->category : static_cast<int>(U_UNASSIGNED);
  }
  const int type = u_charType(static_cast<UChar32>(code));
  return assigned_in(code, 16) ? type : static_cast<int>(U_UNASSIGNED);
}

uint32_t bit_if(uint32_t mask, bool is) { return is ? mask : 0; }

bool is_in(int category, uint32_t mask) { return (U_MASK(category) & mask) != 0; }

bool is_chinese(uint32_t code) {
  constexpr uint32_t kBlocks[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                     {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                     {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  for (const auto& block : kBlocks)
    if (block[0] <= code && code <= block[1]) return true;
  return false;
}

bool is_ascii_punctuation(uint32_t code) {
  return (code > 32 && code < 48) || (code > 57 && code < 65) || (code > 90 && code < 97) ||
         (code > 122 && code < 127);
}

/// Categories that changed since the table in use was made.
bool was_mark_8(uint32_t code) {
  if (code == 0x1734) return true;
  if (code == 0x1885 || code == 0x1886 || code == 0xA9BD || code == 0x111C9) return false;
  return assigned_in(code, 8) && u_charType(static_cast<UChar32>(code)) == U_NON_SPACING_MARK;
}
bool was_mark_9(uint32_t code) {
  if (code == 0x1CF2 || code == 0x1CF3) return true;
  if (code == 0x111C9) return false;
  return assigned_in(code, 9) && is_in(u_charType(static_cast<UChar32>(code)), U_GC_M_MASK);
}
bool was_punctuation(uint32_t code) {
  if (code == 0x166D || code == 0x111C9) return true;
  return assigned_in(code, 8) && is_in(u_charType(static_cast<UChar32>(code)), U_GC_P_MASK);
}

bool is_alphabetic(uint32_t code, int category) {
  if (range_of(code, kAlphabeticMarks)) return true;
  if (is_unassigned_by_icu(code)) return is_in(category, U_GC_L_MASK);
  return assigned_in(code, 16) && u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_ALPHABETIC);
}

bool may_compose(uint32_t code) {
  if (!assigned_in(code, 9)) return false;
  UErrorCode status = U_ZERO_ERROR;
  const auto* nfc = icu::Normalizer2::getNFCInstance(status);
  const auto* nfd = icu::Normalizer2::getNFDInstance(status);
  const auto* nfkd = icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) return true;
  const auto c = static_cast<UChar32>(code);
  return !nfkd->isInert(c) || !nfd->isInert(c) || !nfc->hasBoundaryBefore(c);
}

uint32_t make_properties(uint32_t code) {
  if (code >= 0xD800 && code < 0xE000) return U_SURROGATE;
  const auto c = static_cast<UChar32>(code);
  const int type = category_of(code);
  const bool control = assigned_in(code, 8) &&
                       is_in(u_charType(c), U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK) &&
                       code != '\t' && code != '\n' && code != '\r';
  const bool join_control = code == 0x200C || code == 0x200D;
  return static_cast<uint32_t>(type) | bit_if(kWhiteSpace, u_isUWhiteSpace(c)) |
         bit_if(kBertRemoved, control || code == 0xFFFD) | bit_if(kChinese, is_chinese(code)) |
         bit_if(kNonspacingMark, was_mark_8(code)) | bit_if(kMark, was_mark_9(code)) |
         bit_if(kPunctuation, was_punctuation(code) || is_ascii_punctuation(code)) |
         bit_if(kNumeric, is_in(type, U_GC_N_MASK) || range_of(code, kNewestDigits)) |
         bit_if(kWord, is_alphabetic(code, type) || join_control ||
                           is_in(type, U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) |
         bit_if(kHasLower, lower_case_of(code) != std::u32string(1, code)) |
         bit_if(kComposes, may_compose(code));
}

}  // namespace

const PropertyPage& make_property_page(uint32_t page) {
  auto* made = new PropertyPage;
  for (uint32_t i = 0; i < 256; ++i) made->of[i] = make_properties(page << 8 | i);
  const PropertyPage* there = nullptr;
  if (property_pages[page].compare_exchange_strong(there, made, std::memory_order_acq_rel))
    return *made;
  delete made;  // another thread was faster
  return *there;
}

bool assigned_in(uint32_t code, int major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(code), age);
  return age[0] != 0 && age[0] <= major;
}

std::u32string lower_case_of(uint32_t code) {
  if (code == 0x130) return U"i\u0307";
  if (const auto* range = range_of(code, kNewLower)) {
    if (!range->alternates || (code - range->first) % 2 == 0)
      return std::u32string(1, static_cast<char32_t>(static_cast<int64_t>(code) + range->step));
  }
  return std::u32string(1, static_cast<char32_t>(u_tolower(static_cast<UChar32>(code))));
}

int grapheme_break(uint32_t code) {
  if (is_unassigned_by_icu(code) && category(code) == U_NON_SPACING_MARK) return U_GCB_EXTEND;
  if (is_unassigned_by_icu(code) && category(code) == U_COMBINING_SPACING_MARK)
    return U_GCB_SPACING_MARK;
  return u_getIntPropertyValue(static_cast<UChar32>(code), UCHAR_GRAPHEME_CLUSTER_BREAK);
}

bool is_pictograph(uint32_t code) {
  return u_hasBinaryProperty(static_cast<UChar32>(code), UCHAR_EXTENDED_PICTOGRAPHIC);
}

}  // namespace heed::data::json_tokenizer
