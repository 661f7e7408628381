// The built-in font.
#pragma once

#include <cstdint>

namespace heed::lens {

/// Nine rows of a character's dots, the leftmost in bit 4; the last two rows are below the base
/// line.
const uint8_t* glyph(uint32_t character) noexcept;

}  // namespace heed::lens
