#pragma once

#include <string>
#include <vector>

#include "apps/run.h"

namespace heed::test {

/// heed_bench ARGUMENTS, to its end.
inline Result bench(const std::vector<std::string>& arguments) {
  return run(arguments, {.program = HEED_BENCH});
}

}  // namespace heed::test
