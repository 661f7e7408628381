// How wide text is, in the columns of a terminal and of a fixed pitch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heed::lens {

/// 0 for what combines with the character before it, 2 for wide characters (Chinese, Japanese,
/// Korean, emoji), else 1: what the C library's wcwidth says of Unicode.
int64_t columns(uint32_t character) noexcept;

/// The sum over a UTF-8 text.
int64_t columns(std::string_view utf8) noexcept;

/// A text in what cannot be parted: each character with those that combine with it.
std::vector<std::string> clusters(std::string_view utf8);

/// The text if it has at most `most` columns, else its beginning and an ellipsis, in `most` columns
/// or one less. `most` is at least 1.
std::string cut(std::string_view utf8, int64_t most);

/// Lines of at most `width` columns, broken at spaces where there are some. At least one line.
std::vector<std::string> wrapped(std::string_view utf8, int64_t width);

/// The byte of a piece like "<0xC3>", another piece as it is.
std::string decoded_byte(const std::string& piece);

/// A piece of text as a label of one line: ASCII's byte for its number ("<0x41>"), controls as \n,
/// \t or \x07, a space that is all there is as U+2423, a combining character alone on U+25CC. A
/// byte that is not UTF-8 becomes U+FFFD.
std::string visible(std::string_view piece);

}  // namespace heed::lens
