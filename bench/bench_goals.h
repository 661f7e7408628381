// What `heed_bench goals` measures: the numbers that Heed promises, each beside what must be
// reached.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace heed::cli {

struct GoalBench {
  std::vector<int> threads{1, 2};
  double seconds = 1.0;  ///< to spend on a case, at least; five rounds in any case
  std::string only;      ///< cases whose name holds this
};

struct GoalRow {
  std::string what;      ///< "causal against full, train, L = 2048"
  std::string measured;  ///< what the value is: "part of SGEMM's rate"
  int threads = 0;
  double value = 0;
  bool at_least = false;  ///< otherwise the value must be at most the floor
  double floor = 0;       ///< what must be reached
  double goal = 0;        ///< what is aimed at
  /// What arithmetic or the machine allows; unset: nothing near is known.
  std::optional<double> limit;
  double ms = 0, beside_ms = 0;  ///< medians of ours and of what stands beside it; 0: no time

  bool met() const { return at_least ? value >= floor : value <= floor; }
};

/// Measures every case in one process, in turns with what it is compared with. `done` is called
/// after each case.
void bench_goals(const GoalBench& bench, const std::function<void(const GoalRow&)>& done);

}  // namespace heed::cli
