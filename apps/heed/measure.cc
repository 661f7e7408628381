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

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
}

/// How often to repeat a piece of work so that the clock's resolution does not matter: 2 ms.
int64_t repetitions(const Work& work) {
  work();  // page faults and first-use set-up are no part of the measurement
  const double once = std::max(seconds_of(work, 1), 1e-7);
  return std::max<int64_t>(1, static_cast<int64_t>(2e-3 / once));
}

}  // namespace

std::vector<Timing> take_turns(const std::vector<Work>& works, double budget) {
  std::vector<int64_t> times;
  for (const auto& work : works) times.push_back(repetitions(work));
  std::vector<std::vector<double>> measured(works.size());
  for (double spent = 0; spent < budget || measured[0].size() < 5;) {
    for (size_t i = 0; i < works.size(); ++i) {
      measured[i].push_back(seconds_of(works[i], times[i]));
      spent += measured[i].back() * static_cast<double>(times[i]);
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
