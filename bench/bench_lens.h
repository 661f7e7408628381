// What `heed_bench lens` measures: pictures of maps, and what recording costs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench_goals.h"

namespace heed::cli {

struct LensBench {
  std::vector<int> threads{1, 2};
  std::vector<int64_t> lengths{16384};  ///< of the maps
  double seconds = 1.0;                 ///< to spend on a case, at least; five rounds in any case
  std::string only;                     ///< cases whose name holds this
};

/// Measures every case in one process, in turns with what it is compared with. `done` is called
/// after each.
void bench_lens(const LensBench& bench, const std::function<void(const GoalRow&)>& done);

}  // namespace heed::cli
