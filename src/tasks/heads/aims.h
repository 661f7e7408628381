// Aims that several heads have.
#pragma once

#include <functional>
#include <string>

#include "heed/tasks/head.h"
#include "tasks/heads/classes.h"

namespace heed {

/// The number of the class that --target names, or `best` where it names none. Throws UsageError with the nearest, and for
/// tokens of a text, which a class has not.
int64_t aimed_class(const Classes& classes, const AimOptions& aimed, int64_t best,
                    const char* what);

/// --target as a number from 1 to `most`, or 0 where it is empty. Throws UsageError; for tokens, too.
int64_t aimed_number(const AimOptions& aimed, int64_t most, const char* what);

}  // namespace heed
