// Lower case of any script.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heed {

/// Unicode's lower case, of no language in particular. `text` is valid UTF-8.
std::string lower_case(std::string_view text);

/// Lower case that knows where it comes from.
struct LowerCase {
  std::string text;
  /// Of each byte of `text`, and of its end: the byte of the given text that it stands for. All
  /// bytes of what a character became have that character's first byte; what is as it was has its
  /// own bytes.
  std::vector<int64_t> origins;
};
LowerCase lower_case_with_origins(std::string_view text);

}  // namespace heed
