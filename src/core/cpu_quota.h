// How much of the processors a container or service may use.
#pragma once

#include <filesystem>
#include <optional>

namespace heed::detail {

/// Processors' worth of time that the control groups of this process allow it (cgroup v2's cpu.max, v1's
/// cpu.cfs_quota_us), the least of its group and those above; nothing where none limits it. `root`: where /proc and
/// the groups' mount points are looked for.
std::optional<double> cpu_quota(const std::filesystem::path& root = "/");

/// Threads for that many cores under a quota: the quota rounded up, at most one for each core.
int threads_within(int cores, std::optional<double> quota) noexcept;

}  // namespace heed::detail
