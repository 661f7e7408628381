// How much memory there is to take.
#pragma once

#include <cstdint>
#include <string>

namespace heed {

/// Bytes that can be taken without swapping: MemAvailable of /proc/meminfo, what the control group
/// still allows, and the limits of the process (`ulimit -v`, `ulimit -d`). Without these: no limit.
uint64_t available_memory();

/// Throws Error(Failure::memory), with both numbers, where `bytes` are more than `available`;
/// `what` begins the message and `remedy` ends it.
void require_memory(uint64_t bytes, uint64_t available, const std::string& what,
                    const char* remedy = "split the file or free memory");

}  // namespace heed
