// Parts of an input that are taken out together.
#pragma once

#include <vector>

#include "lens/explain/reader.h"

namespace heed::lens {

/// Numbers of groups by token, from 0 in the order of the text; -1 for special tokens. Words and sentences are those of ICU's
/// rules (Unicode Standard Annex 29); a token that lies across a border is of the part where it ends (pieces
/// take the space before them along), and one without a place in the text is a part of its own. Seconds are those of a recording. Throws UsageError for
/// sentences of what has no places in a text, and seconds of what has no time.
std::vector<int64_t> groups_of(const Reader& reader, Unit unit);

}  // namespace heed::lens
