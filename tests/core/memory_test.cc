#include "core/memory.h"

#include <gmock/gmock.h>

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

}  // namespace
}  // namespace heed
