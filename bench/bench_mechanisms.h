// What `heed_bench mechanisms` measures: each mechanism beside what it is compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace heed::cli {

struct MechanismBench {
  std::vector<int> threads{1, 2};
  double seconds = 1.0;  ///< to spend on a case, at least; five rounds in any case
};

struct MechanismRow {
  std::string work;       ///< the attention in words
  std::string direction;  ///< "forward", or "train": forward and backward
  int64_t queries = 0, keys = 0, width = 0, batch = 0, heads = 0;
  int threads = 0;
  double ms = 0;
  double spread = 0;     ///< half the distance between the quartiles, as a part of the median
  std::string beside;    ///< what it is compared with
  double beside_ms = 0;  ///< the same amount of work there
  double of_beside = 0;  ///< ms / beside_ms: the share of its time
};

/// Measures every case in one process, in turns with what it is compared with. `done` is called
/// after each case.
void bench_mechanisms(const MechanismBench& bench,
                      const std::function<void(const MechanismRow&)>& done);

}  // namespace heed::cli
