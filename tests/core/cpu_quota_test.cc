// What control groups allow, read from a copy of the files that the kernel shows.
#include "core/cpu_quota.h"

#include <gtest/gtest.h>

#include "files.h"

namespace heed::test {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

constexpr const char* kV2 =
    "36 25 0:31 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

TEST(CpuQuota, Version2TakesTheLeastOfTheGroupAndThoseAboveIt) {
  const TemporaryFolder root;
  write(root / "proc/self/mountinfo", kV2);
  write(root / "proc/self/cgroup", "0::/machine/job\n");
  const auto groups = root / "sys/fs/cgroup";
  EXPECT_FALSE(detail::cpu_quota(root.path()));
  write(groups / "machine/job/cpu.max", "max 100000\n");
  EXPECT_FALSE(detail::cpu_quota(root.path()));
  write(groups / "machine/job/cpu.max", "250000 100000\n");
  EXPECT_EQ(detail::cpu_quota(root.path()), 2.5);
  write(groups / "machine/cpu.max", "50000 100000\n");
  EXPECT_EQ(detail::cpu_quota(root.path()), 0.5);
  write(groups / "cpu.max", "20000 100000\n");
  EXPECT_EQ(detail::cpu_quota(root.path()), 0.2);
}

// In a container the mount shows the container's own group as its root.
TEST(CpuQuota, AContainersMountBeginsAtItsOwnGroup) {
  const TemporaryFolder root;
  write(root / "proc/self/mountinfo",
        "36 25 0:31 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n");
  write(root / "sys/fs/cgroup/cpu.max", "100000 100000\n");
  for (const char* own : {"0::/docker/1f\n", "0::/../elsewhere\n", "0::/\n"}) {
    write(root / "proc/self/cgroup", own);
    EXPECT_EQ(detail::cpu_quota(root.path()), 1) << own;
  }
}

TEST(CpuQuota, Version1HasTwoFilesOfTheProcessorsController) {
  const TemporaryFolder root;
  write(root / "proc/self/mountinfo",
        "41 25 0:36 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "42 25 0:37 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  write(root / "proc/self/cgroup", "5:memory:/other\n4:cpu,cpuacct:/job\n0::/\n");
  write(root / "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
  write(root / "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(detail::cpu_quota(root.path()));
  write(root / "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(detail::cpu_quota(root.path()), 1.5);
}

TEST(CpuQuota, IsRoundedUpToThreads) {
  EXPECT_EQ(detail::threads_within(8, 1.5), 2);
  EXPECT_EQ(detail::threads_within(8, 0.3), 1);
  EXPECT_EQ(detail::threads_within(8, 3.0), 3);
  EXPECT_EQ(detail::threads_within(2, 5.0), 2);
  EXPECT_EQ(detail::threads_within(2, std::nullopt), 2);
}

TEST(CpuQuota, NoneWhereTheKernelShowsNothing) {
  const TemporaryFolder root;
  EXPECT_FALSE(detail::cpu_quota(root.path()));
}

}  // namespace
}  // namespace heed::test
