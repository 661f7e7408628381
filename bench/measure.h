// Medians of pieces of work that take turns.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace heed::cli {

using Work = std::function<void()>;

/// The value nearest to quantile q, 0 <= q <= 1, of one or more values.
double quantile(std::vector<double> values, double q);

struct Timing {
  double seconds = 0;  ///< median of the rounds
  double spread = 0;   ///< half the distance between the quartiles, as a part of the median
  int64_t rounds = 0;
};

/// Runs the works one after another, round by round, so that what disturbs the machine disturbs all
/// of them: at least five rounds and `budget` seconds. A work that is short is repeated in a round,
/// and runs as long before that untimed: threads that slept during the others' turns are awake.
std::vector<Timing> take_turns(const std::vector<Work>& works, double budget);

/// KiB that a work needs at its peak beyond what is there before.
double peak_of(const Work& work);

}  // namespace heed::cli
