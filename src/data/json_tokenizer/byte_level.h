// The alphabet of byte-level tokenizers (GPT-2): every byte is a character that can be seen.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace heed::data::json_tokenizer {

/// The character of each byte, in UTF-8: printable bytes of Latin-1 are themselves, the others U+0100, U+0101, ...
const std::array<std::string, 256>& byte_level_characters();

/// The bytes that a text of the alphabet stands for; none where it has another character.
std::optional<std::string> byte_level_bytes(std::string_view text);

inline constexpr uint32_t kLevelBlank = 0x120;  ///< the blank's character

}  // namespace heed::data::json_tokenizer
