// An attention in a recipe:
//
//   attention = { score = "scaled_dot", masks = ["causal"], num_heads = 8, num_kv_heads = 2 }
//   attention = "scaled_dot; causal; num_heads=8/2"
#pragma once

#include <toml++/toml.h>
#include <functional>
#include <string>
#include <string_view>

#include "heed/ops/attention.h"

namespace heed::ops {

/// How a message says where the value of a key stands.
using PlaceOf = std::function<std::string(const toml::node&, const std::string& path)>;
/// "recipe.toml:12: model.attention", from the file and line that toml++ kept.
std::string place_in_file(const toml::node& node, const std::string& path);

/// Reads the table or the one-line text. `path` is the key's ("model.attention"), which messages
/// name. Throws ModelError for an unknown key or word (with the nearest known one), a wrong type or
/// range, or a combination that makes no sense.
Attention read_attention(const toml::node& node, std::string_view path,
                         const PlaceOf& place_of = place_in_file);

/// Every key with its value, defaults too (num_kv_heads only where it differs from num_heads).
toml::table to_toml(const Attention& how);

}  // namespace heed::ops
