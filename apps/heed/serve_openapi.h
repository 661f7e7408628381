// What `heed serve` says of its routes.
#pragma once

#include "output.h"

namespace heed::cli {

/// OpenAPI 3.1.
Json openapi();

}  // namespace heed::cli
