// How threads wait for each other, so that they do not suffer where others want the processors too.
#pragma once

#include <string>

namespace heed::cli {

/// Two things that a program does before OpenMP is loaded, which reads its variables then:
///
/// - Threads that wait for work or for each other go to sleep, unless the user has set OMP_WAIT_POLICY or
///   GOMP_SPINCOUNT. By default libgomp's spin for milliseconds, and on a busy machine take the processor from the
///   thread that they wait for.
/// - The scheduler is asked for turns of 0.1 ms (sched_setattr; Linux 6.12 and newer), so that a thread that is woken
///   need not wait until a neighbour's turn of 1 to 3 ms ends. The share of the processors stays the same.
void wait_asleep();

/// The same for a program that is linked with OpenMP: runs itself anew where a variable was set.
void start_asleep(char** arguments);

/// What holds, for people to read: "OMP_WAIT_POLICY=passive, turns of 0.1 ms".
std::string waiting();

}  // namespace heed::cli
