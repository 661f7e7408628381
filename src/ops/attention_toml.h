// An attention in a recipe:
//
//   attention = { score = "scaled_dot", masks = ["causal"], num_heads = 8, num_kv_heads = 2 }
//   attention = "scaled_dot; causal; num_heads=8/2"
#pragma once

#include <toml++/toml.h>
#include <string_view>

#include "heed/ops/attention.h"

namespace heed::ops {

/// Reads the table or the one-line text. `where` is the key's path ("model.attention"): messages
/// name it, with the file and line that toml++ kept. Throws ModelError for an unknown key or word
/// (with the nearest known one), a wrong type or range, or a combination that makes no sense.
Attention read_attention(const toml::node& node, std::string_view where);

/// Every key with its value, defaults too (num_kv_heads only where it differs from num_heads).
toml::table to_toml(const Attention& how);

}  // namespace heed::ops
