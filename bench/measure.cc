#include "measure.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

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

/// A number of /proc/self/status in KiB.
double status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0) return std::stod(line.substr(name.size() + 1));
  return 0;
}

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

double peak_of(const Work& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts from what is there now
  const double before = status("VmRSS");
  work();
  return std::max(status("VmHWM") - before, 0.0);
}

}  // namespace heed::cli
