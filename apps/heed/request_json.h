// The JSON that a request brings.
#pragma once

#include "heed/serve/http.h"
#include "output.h"

namespace heed::cli {

/// Throws HttpError: 413 for more than 4 MiB, 400 for what is no JSON or has lists and objects more than 64 deep, as both cost
/// many times their bytes of memory.
Json request_json(const serve::Request& request);

}  // namespace heed::cli
