// Lower case of any script.
#pragma once

#include <string>
#include <string_view>

namespace heed {

/// Unicode's lower case, of no language in particular. `text` is valid UTF-8.
std::string lower_case(std::string_view text);

}  // namespace heed
