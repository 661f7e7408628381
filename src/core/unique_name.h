// Names of what is not finished: nobody else uses them, and they are known again.
#pragma once

#include <string>
#include <string_view>

namespace heed {

/// PID_SECONDS_NANOSECONDS_COUNT, another at every call.
std::string unique_id();

/// Whether unique_id may have made it.
bool is_unique_id(std::string_view id) noexcept;

/// The name of a file that is not finished: .heed-partial-ID.
std::string unfinished_name();
bool is_unfinished_name(std::string_view name) noexcept;

}  // namespace heed
