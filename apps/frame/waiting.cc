#include "waiting.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace heed::cli {
namespace {

constexpr const char* kPolicy = "OMP_WAIT_POLICY";
constexpr const char* kSpins = "GOMP_SPINCOUNT";
/// The shortest turn that Linux gives.
constexpr uint64_t kTurn = 100'000;  // ns

/// The kernel's struct sched_attr, which Debian 12's glibc does not declare.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes), policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  ///< of an ordinary process: its turn in ns; 0 where the kernel keeps none
  uint64_t deadline = 0, period = 0;
};

bool is_set() { return std::getenv(kPolicy) || std::getenv(kSpins); }

bool read_scheduling(SchedulingAttributes& own) {
  return syscall(SYS_sched_getattr, 0, &own, sizeof own, 0) == 0 && own.policy == SCHED_OTHER;
}

}  // namespace

void wait_asleep() {
  if (!is_set()) setenv(kPolicy, "passive", 1);
  SchedulingAttributes own;
  if (!read_scheduling(own) || own.runtime <= kTurn) return;
  own.runtime = kTurn;
  syscall(SYS_sched_setattr, 0, &own,
          0);  // it is a wish: where it is refused, turns stay as they are
}

void start_asleep(char** arguments) {
  const bool was_set = is_set();
  wait_asleep();
  if (!was_set) execv("/proc/self/exe", arguments);
}

std::string waiting() {
  std::string text = "OpenMP's own";
  for (const char* name : {kPolicy, kSpins}) {
    if (const char* value = std::getenv(name)) text = std::string(name) + "=" + value;
  }
  SchedulingAttributes own;
  if (read_scheduling(own) && own.runtime == kTurn) text += ", turns of 0.1 ms";
  return text;
}

}  // namespace heed::cli
