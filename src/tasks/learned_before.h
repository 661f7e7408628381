// Data that is measured although the model learned from it.
#pragma once

#include "heed/tasks/input.h"

namespace heed {

/// Whether all of `part` is learned from: its files are files of `learned` (also as a link or a copy,
/// byte by byte), or all of its records are among theirs. What can be read once only is not asked.
bool is_learned(const Source& part, const Source& learned);

}  // namespace heed
