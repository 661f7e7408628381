// What toml++ does not look after.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace heed {

/// Parts of a dotted key at most. toml++ limits how deep values stand in values (256), but not the
/// parts of keys, each a table in a table; it goes through these by recursion and overflows the
/// stack.
inline constexpr size_t kMostKeyParts = 30;

/// Throws ModelError with name:line for a key of more parts, before toml++ sees the text.
void check_keys_of_toml(std::string_view toml, const std::string& name);

}  // namespace heed
