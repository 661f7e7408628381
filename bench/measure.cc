#include "measure.h"

#include <algorithm>
#include <chrono>

namespace heed::cli {
namespace {

double seconds_of(const Work& work, int64_t times) {
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < times; ++i) work();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  return passed.count() / static_cast<double>(times);
}

/// How a piece of work takes its turn.
struct Turn {
  Work work;
  int64_t times;  ///< so often that the clock's resolution does not matter: 2 ms
  bool warms_up;  ///< its threads slept meanwhile; waking them takes up to 20 ms

  explicit Turn(const Work& of) : work(of) {
    work();  // page faults and first-use set-up are no part of the measurement
    const double once = std::max(seconds_of(work, 1), 1e-7);
    times = std::max<int64_t>(1, static_cast<int64_t>(2e-3 / once));
    warms_up = once < 0.5;
  }

  double seconds() const {
    if (warms_up) seconds_of(work, times);
    return seconds_of(work, times);
  }
};

}  // namespace

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

std::vector<Timing> take_turns(const std::vector<Work>& works, double budget) {
  const std::vector<Turn> turns(works.begin(), works.end());
  std::vector<std::vector<double>> measured(works.size());
  for (double spent = 0; spent < budget || measured[0].size() < 5;) {
    for (size_t i = 0; i < works.size(); ++i) {
      measured[i].push_back(turns[i].seconds());
      spent += measured[i].back() * static_cast<double>(turns[i].times);
    }
  }
  std::vector<Timing> timings;
  for (const auto& rounds : measured) {
    const double median = quantile(rounds, 0.5);
    const double spread = (quantile(rounds, 0.75) - quantile(rounds, 0.25)) / (2 * median);
    timings.push_back({median, spread, static_cast<int64_t>(rounds.size())});
  }
  return timings;
}

}  // namespace heed::cli
