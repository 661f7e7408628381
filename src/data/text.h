// What tokenizers know of Unicode.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heed/data/tokenizer.h"

namespace heed::data {

/// Throws DataError that says where the text is no UTF-8; `what` begins the message.
void check_utf8(std::string_view text, const std::string& what);

/// What stands between white space (Unicode's property White_Space); none is empty.
std::vector<std::string_view> split_at_space(std::string_view text);

/// Where a part of a text lies in it.
inline ByteRange range_in(std::string_view text, std::string_view part) {
  const int64_t begin = part.data() - text.data();
  return {begin, begin + static_cast<int64_t>(part.size())};
}

/// Turns ranges of a changed text (of lower case) into those of `text`, of whose bytes
/// origins[i] is the one that byte i, or the end, comes from; without origins it is unchanged.
/// What begins or ends within a character does so before it.
void to_original(std::vector<ByteRange>& ranges, std::string_view text,
                 const std::vector<int64_t>& origins);

}  // namespace heed::data
