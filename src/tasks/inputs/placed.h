// Where pieces lie in a text, in characters.
#pragma once

#include <string_view>

#include "heed/data/offsets.h"
#include "heed/tasks/input.h"

namespace heed {

/// Sets a token's place to the whole characters that a piece's bytes touch, behind `before` characters: a piece of bytes may
/// begin within one.
inline void set_place(TokenPlace& token, const data::TextOffsets& characters, std::string_view text,
                      data::ByteRange bytes, int64_t before) {
  const auto inside = [&](int64_t at) {
    return at < std::ssize(text) && (text[static_cast<size_t>(at)] & 0xC0) == 0x80;
  };
  while (bytes.begin > 0 && inside(bytes.begin)) --bytes.begin;
  while (inside(bytes.end)) ++bytes.end;
  token.begin = before + characters.character_of(bytes.begin);
  token.end = before + characters.character_of(bytes.end);
}

}  // namespace heed
