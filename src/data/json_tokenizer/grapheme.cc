#include "data/json_tokenizer/grapheme.h"

#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {
namespace {

bool is_control_break(int of) { return of == U_GCB_CONTROL || of == U_GCB_CR || of == U_GCB_LF; }

/// Rules GB3 to GB9b for two neighbours.
bool stays_together(int before, int after) {
  if (before == U_GCB_CR) return after == U_GCB_LF;
  if (is_control_break(before) || is_control_break(after)) return false;
  const bool after_vowel = after == U_GCB_V || after == U_GCB_LV || after == U_GCB_LVT;
  if (before == U_GCB_L && (after == U_GCB_L || after_vowel)) return true;
  if ((before == U_GCB_LV || before == U_GCB_V) && (after == U_GCB_V || after == U_GCB_T))
    return true;
  if ((before == U_GCB_LVT || before == U_GCB_T) && after == U_GCB_T) return true;
  return after == U_GCB_EXTEND || after == U_GCB_ZWJ || after == U_GCB_SPACING_MARK ||
         before == U_GCB_PREPEND;
}

}  // namespace

size_t grapheme_end(std::string_view text, size_t at) {
  const auto ascii = [&](size_t i) { return static_cast<uint8_t>(text[i]) < 0x80; };
  if (ascii(at) && (at + 1 == text.size() || (ascii(at + 1) && text[at] != '\r'))) return at + 1;
  uint32_t code = next_character(text, at);
  int before = grapheme_break(code);
  bool pictograph = is_pictograph(code);  // and only Extend behind it
  bool odd_flag = before == U_GCB_REGIONAL_INDICATOR;
  while (at < text.size()) {
    size_t next = at;
    code = next_character(text, next);
    const int after = grapheme_break(code);
    const bool emoji = before == U_GCB_ZWJ && pictograph && is_pictograph(code);  // GB11
    const bool flag = odd_flag && after == U_GCB_REGIONAL_INDICATOR;              // GB12, GB13
    if (!emoji && !flag && !stays_together(before, after)) break;
    odd_flag = !flag && after == U_GCB_REGIONAL_INDICATOR;
    pictograph =
        is_pictograph(code) || (pictograph && (after == U_GCB_EXTEND || after == U_GCB_ZWJ));
    before = after, at = next;
  }
  return at;
}

}  // namespace heed::data::json_tokenizer
