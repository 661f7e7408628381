#include "core/memory.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <fstream>

#include "heed/core/error.h"

namespace heed {
namespace {

TEST(Memory, NamesBothNumbers) {
  EXPECT_GT(available_memory(), uint64_t{1} << 20);
  EXPECT_NO_THROW(require_memory(5, 5, "x.csv"));
  try {
    require_memory(uint64_t{3} << 30, uint64_t{5} << 20, "x.csv");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.why(), Failure::memory);
    EXPECT_THAT(error.what(), testing::HasSubstr("x.csv needs at least 3072 MiB"));
    EXPECT_THAT(error.what(), testing::HasSubstr("5 MiB are available"));
  }
}

uint64_t used_now(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::stoull(line.substr(key.size())) * 1024;
  return 0;
}

TEST(Memory, IsToldFromWhatElseFailsOfFiles) {
  EXPECT_EQ(FileError("list", "made", ENOMEM).why(), Failure::memory);
  EXPECT_EQ(FileError("list", "made", EACCES).why(), Failure::file);
}

TEST(Memory, LimitsOfTheProcessCount) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  for (const auto& [resource, key] : {std::pair{RLIMIT_AS, "VmSize:"}, {RLIMIT_DATA, "VmData:"}}) {
    rlimit before{};
    ASSERT_EQ(getrlimit(resource, &before), 0);
    const uint64_t machine = available_memory(), used = used_now(key);
    ASSERT_GT(machine, 200 * kMiB);
    rlimit limit{used + 100 * kMiB, before.rlim_max};
    ASSERT_EQ(setrlimit(resource, &limit), 0);
    const uint64_t some = available_memory();
    limit.rlim_cur = used / 2;
    ASSERT_EQ(setrlimit(resource, &limit), 0);
    const uint64_t none = available_memory();
    ASSERT_EQ(setrlimit(resource, &before), 0);
    EXPECT_LE(some, 100 * kMiB) << key;
    EXPECT_GT(some, 50 * kMiB) << key;
    EXPECT_EQ(none, 0u) << key;
  }
}

}  // namespace
}  // namespace heed
