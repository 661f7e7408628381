// What tokenizers know of Unicode.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace heed::data {

/// Throws DataError that says where the text is no UTF-8; `what` begins the message.
void check_utf8(std::string_view text, const std::string& what);

/// What stands between white space (Unicode's property White_Space); none is empty.
std::vector<std::string_view> split_at_space(std::string_view text);

}  // namespace heed::data
