#include "data/text.h"

#include <unicode/uchar.h>

#include "core/utf8.h"
#include "heed/core/error.h"

namespace heed::data {

void check_utf8(std::string_view text, const std::string& what) {
  if (const size_t at = invalid_utf8(text); at != std::string_view::npos) {
    throw DataError(what + ": expected UTF-8, given a text that is none at byte " +
                    std::to_string(at) + " of " + std::to_string(text.size()));
  }
}

std::vector<std::string_view> split_at_space(std::string_view text) {
  std::vector<std::string_view> words;
  std::string_view rest = text;
  const char* begin = text.data();  // of the word
  while (!rest.empty()) {
    const char* at = rest.data();
    const uint32_t code = take_character(rest);
    if (!u_isUWhiteSpace(static_cast<UChar32>(code))) continue;
    if (at != begin) words.emplace_back(begin, static_cast<size_t>(at - begin));
    begin = rest.data();
  }
  const char* end = text.data() + text.size();
  if (begin != end) words.emplace_back(begin, static_cast<size_t>(end - begin));
  return words;
}

void to_original(std::vector<ByteRange>& ranges, std::string_view text,
                 const std::vector<int64_t>& origins) {
  const auto original = [&](int64_t byte) {
    if (!origins.empty()) byte = origins[static_cast<size_t>(byte)];
    const auto continues = [&](int64_t at) {
      return at > 0 && at < std::ssize(text) &&
             (static_cast<uint8_t>(text[static_cast<size_t>(at)]) & 0xC0) == 0x80;
    };
    while (continues(byte)) --byte;
    return byte;
  };
  for (auto& range : ranges) range = {original(range.begin), original(range.end)};
}

}  // namespace heed::data
