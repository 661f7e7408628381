// Which blocks compute texts of a batch without what fills the shorter ones up (nn/packed_rows.h).
#pragma once

#include "heed/models/block_stack.h"
#include "nn/packed_rows.h"

namespace heed::models {

/// Whether blocks make of packed texts what they make of each: their attentions know no other places than
/// those that are added before them and distances, and see by lengths, order and windows alone.
bool can_pack(const BlockStackOptions& options);

}  // namespace heed::models
