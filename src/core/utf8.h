// Characters of a text that may come from anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace heed {

inline constexpr uint32_t kReplacement = 0xFFFD;

/// Takes the first character from the front of a text that is not empty; a byte that does not begin
/// a valid sequence (RFC 3629) is taken alone and gives U+FFFD.
uint32_t take_character(std::string_view& text) noexcept;

/// The place of the first byte that begins no valid sequence; npos where the text is valid.
size_t invalid_utf8(std::string_view text) noexcept;

/// Appends the character's bytes; `code` is a Unicode scalar value.
void append_utf8(std::string& out, uint32_t code);

}  // namespace heed
