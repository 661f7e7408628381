#include "core/threads.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>

#include "core/cpu_quota.h"
#include "core/distributed_environment.h"
#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/threads.h"

namespace heed::detail {
namespace {

std::atomic<void (*)(int)> follower = nullptr;

int cores() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return std::max(1, CPU_COUNT(&allowed));
}

/// The cores that this process may run on, or its quota of them; its share, where a launcher started several here.
int threads_of_machine() noexcept {
  int allowed = cores();
  const auto here = processes_on_these_cores(allowed < ::sysconf(_SC_NPROCESSORS_ONLN));
  try {
    allowed = threads_within(allowed, cpu_quota());
  } catch (...) {  // no memory to read files: the cores are a good answer, too
  }
  return static_cast<int>(std::max<int64_t>(1, allowed / here));
}

}  // namespace

void follow_num_threads(void (*set)(int)) noexcept { follower = set; }

void tell_follower(int threads) {
  if (const auto set = follower.load()) set(threads);
}

int default_threads() noexcept {
  try {
    try {
      if (const auto given = threads_of_environment()) return *given;
    } catch (const UsageError& error) {  // a program that asks gets it; who only computes reads it
      const int instead = threads_of_machine();
      std::fprintf(stderr, "heed: warning: %s; %d are used\n", printable(error.what()).c_str(),
                   instead);
      return instead;
    }
  } catch (const std::bad_alloc&) {  // for the words about a wrong number
  }
  return threads_of_machine();
}

}  // namespace heed::detail

namespace heed {

int most_threads() noexcept { return std::min(1024, 8 * detail::cores()); }

namespace {

/// Takes no memory.
std::optional<int> threads_in(std::string_view text) noexcept {
  int64_t threads = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (whole && threads >= 1 && threads <= most_threads()) return static_cast<int>(threads);
  return std::nullopt;
}

}  // namespace

int threads_from_text(std::string_view text, const std::string& source) {
  if (const auto threads = threads_in(text)) return *threads;
  throw UsageError(source + ": expected a number of threads from 1 to " +
                   std::to_string(most_threads()) + ", eight for each core, given '" +
                   std::string(text) + "'");
}

std::optional<int> threads_of_environment() {
  for (const char* name : {"HEED_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* given = std::getenv(name);
    if (!given || *given == '\0') continue;
    if (name[0] == 'O' && is_threads_of_torchrun()) continue;
    std::string_view text = given;
    if (name[0] == 'O') text = text.substr(0, text.find(','));
    const auto threads = threads_in(text);
    return threads ? threads : threads_from_text(text, name);
  }
  return std::nullopt;
}

}  // namespace heed
