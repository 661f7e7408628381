#include "core/signals.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace heed {
namespace {

constexpr int kCount = 3;
constexpr int kSignals[kCount] = {SIGINT, SIGTERM, SIGHUP};
volatile sig_atomic_t first = 0;
volatile sig_atomic_t is_launched = 0;  // by heed launch
struct sigaction before[kCount];

void note(int number) {
  if (first == 0)
    first = number;
  else if (!is_launched)
    ::_exit(128 + number);
}

}  // namespace

StopSignals::StopSignals() {
  first = 0, is_launched = std::getenv("HEED_LAUNCH") ? 1 : 0;
  struct sigaction action = {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;  // reads and writes under way go on
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) sigaddset(&action.sa_mask, number);
  for (int i = 0; i < kCount; ++i) {
    ::sigaction(kSignals[i], nullptr, &before[i]);
    if (before[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (int i = 0; i < kCount; ++i) ::sigaction(kSignals[i], &before[i], nullptr);
}

int StopSignals::caught() noexcept { return first; }

}  // namespace heed
