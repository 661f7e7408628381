// One part of an attention as text: "window(256, 0)".
#pragma once

#include <string>
#include <string_view>

#include "heed/ops/attention.h"
#include "heed/ops/words.h"

namespace heed::ops {

/// Throws UsageError where the text is not a part of that kind.
Part parse_part(std::string_view text, Word::Kind kind);
std::string to_text(const Part& part);

/// Whether a part of that name stands among the parts or their alternatives.
bool has(const std::vector<Part>& parts, std::string_view name);

}  // namespace heed::ops
