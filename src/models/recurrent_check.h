// What a recurrent model refuses.
#pragma once

#include "heed/models/recurrent.h"

namespace heed::models {

/// Throws ModelError that names the field.
void check(RecurrentOptions options, int64_t vocabulary, int64_t source_vocabulary);

}  // namespace heed::models
