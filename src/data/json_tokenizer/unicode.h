// Properties of characters as Hugging Face's tokenizers sees them. Its parts carry tables of three Unicode versions, of which
// ICU knows one: what was assigned later than a table is unassigned for it, and what ICU does not know yet stands in
// unicode_additions.h.
//   Unicode 8    BertNormalizer's control characters and accents, punctuation
//   Unicode 9    NFC, NFD, NFKC, NFKD, StripAccents
//   Unicode 16   regular expressions (categories, \w, \d); the same characters and 17's in lower case and as digits
#pragma once

#include <unicode/uchar.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace heed::data::json_tokenizer {

/// What is true of a character; the lowest five bits are its general category (ICU's UCharCategory).
enum Property : uint32_t {
  kCategory = 31,
  kWhiteSpace = 1 << 5,      ///< White_Space
  kBertRemoved = 1 << 6,     ///< what BertNormalizer's clean_text takes out
  kChinese = 1 << 7,         ///< what BertNormalizer puts blanks around
  kNonspacingMark = 1 << 8,  ///< Mn of Unicode 8
  kMark = 1 << 9,            ///< M of Unicode 9
  kPunctuation = 1 << 10,    ///< P of Unicode 8, and ASCII's punctuation
  kNumeric = 1 << 11,        ///< N of Unicode 17
  kWord = 1 << 12,           ///< \w of Whitespace and of added tokens
  kHasLower = 1 << 13,
  kComposes = 1 << 14,  ///< may be another character, or elsewhere, in NFC, NFD, NFKC or NFKD
};

/// The properties of 256 characters.
struct PropertyPage {
  uint32_t of[256];
};

/// Pages are made when one of their characters is first seen.
extern std::atomic<const PropertyPage*> property_pages[0x1100];
const PropertyPage& make_property_page(uint32_t page);

inline uint32_t properties(uint32_t code) {
  const auto* page = property_pages[code >> 8].load(std::memory_order_acquire);
  return (page ? *page : make_property_page(code >> 8)).of[code & 255];
}
inline bool has(uint32_t code, uint32_t any_of) { return (properties(code) & any_of) != 0; }

/// Its general category in Unicode 16.
inline int category(uint32_t code) { return static_cast<int>(properties(code) & kCategory); }

/// Was assigned in Unicode MAJOR or before, as far as ICU knows.
bool assigned_in(uint32_t code, int major);

/// Unicode's lower case of one character, which depends on no other: one character, two for U+0130.
std::u32string lower_case_of(uint32_t code);

/// The Grapheme_Cluster_Break of a character, ICU's UGraphemeClusterBreak, and whether it is a pictograph.
int grapheme_break(uint32_t code);
bool is_pictograph(uint32_t code);

/// The character of valid UTF-8 that begins at `at`, which is moved behind it.
inline uint32_t next_character(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t first = byte(at);
  if (first < 0x80) return ++at, first;
  const auto tail = [&](size_t i) { return byte(at + i) & 0x3F; };
  uint32_t code = 0;
  if (first < 0xE0) {
    code = (first & 0x1F) << 6 | tail(1), at += 2;
  } else if (first < 0xF0) {
    code = (first & 0x0F) << 12 | tail(1) << 6 | tail(2), at += 3;
  } else {
    code = (first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), at += 4;
  }
  return code;
}

/// The character that ends before `at`, which is moved to its beginning.
inline uint32_t previous_character(std::string_view text, size_t& at) {
  do --at;
  while ((static_cast<uint8_t>(text[at]) & 0xC0) == 0x80);
  size_t from = at;
  return next_character(text, from);
}

inline bool begins_character(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; }

}  // namespace heed::data::json_tokenizer
