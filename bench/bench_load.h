// What `heed_bench load` measures.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace heed::cli {

struct LoadBench {
  std::vector<int> threads{1, 2};
  std::vector<int> loads{0, 4, 8};  ///< other programs that want a processor all the time
  double seconds = 10;              ///< of measured turns, at least; nine rounds in any case
};

/// Small steps, where threads meet many times in a millisecond, with each number of threads in turns.
struct LoadRow {
  std::string work;  ///< "train" or "write"
  int load = 0, threads = 0;
  double ms = 0;      ///< of a step, the median of turns of 0.2 s
  double spread = 0;  ///< half the distance between the quartiles, as a part of the median
  double of_first =
      0;  ///< the median of the time as a part of that by the first number of threads just before
};

void bench_load(const LoadBench& bench, const std::function<void(const LoadRow&)>& done);

}  // namespace heed::cli
