// Characters of a text that may come from anywhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace heed::lens {

inline constexpr uint32_t kReplacement = 0xFFFD;

/// Takes the first character from the front of a text that is not empty; a byte that does not begin
/// a valid sequence (RFC 3629) is taken alone and gives U+FFFD.
uint32_t take_character(std::string_view& text) noexcept;

}  // namespace heed::lens
